package store

import (
	"fmt"
	"time"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// nonceKeep is how much longer than it must a nonce is kept: a clock that was ahead and is set right again must not let an
// act count twice.
const nonceKeep = 24 * time.Hour

// UseNonce notes that the nonce of an act is used up; an act later than expires (milliseconds since 1970) is refused for
// its age, so that the nonce need not be known any longer. expires must follow from the act. It returns [ErrExists] when
// the nonce was used before with the same expiry: the same nonce in an act of another time is another act.
func (t *Tx) UseNonce(nonce []byte, expires uint64) error {
	if len(nonce) != 16 {
		return fmt.Errorf("nonce of %d bytes: %w", len(nonce), ErrInvalid)
	}
	key := append(rows.U64(expires), nonce...)
	if t.b.Bucket(bucketNonces).Get(key) != nil {
		return fmt.Errorf("using nonce: %w", ErrExists)
	}
	return t.put(bucketNonces, key, []byte{})
}

// ForgetNonces forgets at most limit nonces that expired a day before now (milliseconds since 1970), and returns how many.
func (t *Tx) ForgetNonces(now uint64, limit int) (int, error) {
	var old [][]byte
	c := t.b.Bucket(bucketNonces).Cursor()
	for k, _ := c.First(); k != nil && rows.Number(k)+uint64(nonceKeep.Milliseconds()) < now && len(old) < limit; k, _ = c.Next() {
		old = append(old, k)
	}
	return len(old), t.deleteAll(bucketNonces, old)
}

// PutOfficer keeps or replaces an entry of the register of actors.
func (t *Tx) PutOfficer(pseudonym string, o *storev1.OfficerRow) error {
	if err := checkName("pseudonym", pseudonym); err != nil {
		return err
	}
	return t.putRow(bucketOfficers, []byte(pseudonym), o)
}

// EachOfficer calls each with every entry of the register, by pseudonym, until it returns false.
func (r *Reader) EachOfficer(each func(pseudonym string, o *storev1.OfficerRow) bool) error {
	return rows.Each(r.b.Bucket(bucketOfficers), nil, nil, func(k []byte, o *storev1.OfficerRow) bool { return each(string(k), o) })
}
