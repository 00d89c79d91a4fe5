package keyring

import (
	"crypto/ed25519"
	"math/big"
	"slices"
)

// The field of Curve25519 and the constant of Edwards25519 (RFC 7748, RFC 8032).
var (
	fieldP = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	curveD = func() *big.Int {
		d := new(big.Int).ModInverse(big.NewInt(121666), fieldP)
		d.Mul(d, big.NewInt(-121665))
		return d.Mod(d, fieldP)
	}()
)

// Orders 1, 2, 4 and 8 of Edwards25519, by y: five values, of which the last two are negatives of each other.
var lowOrderY = []*big.Int{
	big.NewInt(1),
	new(big.Int).Sub(fieldP, big.NewInt(1)),
	big.NewInt(0),
	new(big.Int).Sub(fieldP, hexInt("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826")),
	hexInt("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
}

// Low order on Curve25519, by u: 0, 1, -1 and the two of order 8.
var lowOrderU = []*big.Int{
	big.NewInt(0),
	big.NewInt(1),
	new(big.Int).Sub(fieldP, big.NewInt(1)),
	hexInt("00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0"),
	hexInt("57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5f"),
}

func hexInt(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 16)
	return n
}

func littleEndian(b []byte) *big.Int {
	c := slices.Clone(b)
	slices.Reverse(c)
	return new(big.Int).SetBytes(c)
}

func isOneOf(n *big.Int, list []*big.Int) bool {
	return slices.ContainsFunc(list, func(o *big.Int) bool { return n.Cmp(o) == 0 })
}

// CheckEd25519 returns ErrPublicKey unless b is a canonically encoded point of Edwards25519 that is not of low order. The standard
// library's Verify accepts second spellings of a key; whoever admits a key calls this first. Points are public: time need not be constant.
func CheckEd25519(b []byte) error {
	if len(b) != ed25519.PublicKeySize {
		return ErrPublicKey
	}
	c := slices.Clone(b)
	c[31] &= 0x7f
	y := littleEndian(c)
	if y.Cmp(fieldP) >= 0 || isOneOf(y, lowOrderY) {
		return ErrPublicKey
	}
	// x² = (y² − 1) / (d·y² + 1) must be a square. x = 0 only for y = ±1, which are of low order.
	y2 := new(big.Int).Mul(y, y)
	y2.Mod(y2, fieldP)
	u := new(big.Int).Sub(y2, big.NewInt(1))
	v := new(big.Int).Mul(curveD, y2)
	v.Add(v, big.NewInt(1)).Mod(v, fieldP)
	x2 := u.Mul(u, v.ModInverse(v, fieldP))
	if big.Jacobi(x2.Mod(x2, fieldP), fieldP) != 1 {
		return ErrPublicKey
	}
	return nil
}

// CheckX25519 returns ErrPublicKey unless b is a canonically encoded u-coordinate (no top bit, below 2^255 − 19) that is not of low
// order: with one of low order the shared secret would not depend on the private key.
func CheckX25519(b []byte) error {
	if len(b) != 32 {
		return ErrPublicKey
	}
	u := littleEndian(b)
	if u.Cmp(fieldP) >= 0 || isOneOf(u, lowOrderU) {
		return ErrPublicKey
	}
	return nil
}
