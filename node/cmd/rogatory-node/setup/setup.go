// Package setup makes the folder of a new node: key ring, founders' keys, certificates, configuration, and the member file that
// the directory takes in. The command line calls it for `init`, the demo and the tests for their nodes.
//
// Everything is made in a new folder. The configuration is written last and refuses to replace another, so a folder with a
// node.yaml is complete, and one without can be thrown away.
package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Names of the files in a node's folder.
const (
	ConfigFile   = "node.yaml"
	RingFolder   = "ring"
	DataFolder   = "data"
	GuardFolder  = "guard"
	TLSFolder    = "tls"
	PeopleFolder = "officers"
	MemberSuffix = ".member.json"
)

// IdentityLife is how long the first identity key lives; it is rotated before.
const IdentityLife = 3 * 365 * 24 * time.Hour

// ErrExists means that the folder holds a node already.
var ErrExists = errors.New("the folder holds a node already")

// ErrFounders means that a register of officers would not begin with two people.
var ErrFounders = errors.New("a register of officers begins with two people")

// Unit is a unit to set up.
type Unit struct {
	// Name within the country.
	Name string
	// Authority as a configuration writes it; empty takes the unit's name for it.
	Authority string
	// Contact speaks for the unit; the zero value leaves it to be written into the configuration.
	Contact configs.Contact
}

// Founder is one of the two people that the register of officers begins with.
type Founder struct {
	// Pseudonym on the register.
	Pseudonym string
	// Key is the public part of a key that the founder made; nil makes a key file in the node's folder.
	Key *keyring.OfficerPublicKey
	// Rights; nil for all of a person.
	Rights []rogatoryv1.Right
}

// Options say what to make.
type Options struct {
	// Dir is the new node's folder. It may exist if it is empty of a node.
	Dir string
	// Country, Federation, Zone as in the configuration.
	Country, Federation, Zone string
	// Name of the contact point for people, in English; empty for "Contact point of" and the code.
	Name string
	// Units, the first one is the default.
	Units []Unit
	// OneOfficer lets every unit send without a second officer.
	OneOfficer bool
	// Languages that officers read; empty is English.
	Languages []string
	// Lock protects the ring; FounderLock the key files of founders that are made here, Lock if zero.
	Lock keyring.Lock
	// FounderLock is nil to use Lock.
	FounderLock *keyring.Lock
	// Insecure says in the configuration that the ring has no passphrase.
	Insecure bool
	// PassphraseFile is written to the configuration; may be empty.
	PassphraseFile string
	// Founders: two, or none for the country's founder-1 and founder-2.
	Founders []Founder
	// NATS are the backbone's URLs; empty writes an example to be changed. InsecureNATS allows nats:// without certificates.
	NATS         []string
	InsecureNATS bool
	// Listen is the mTLS address; empty opens only the socket.
	Listen string
	// Round as in the configuration; 0 for the default.
	Round time.Duration
	// Now is the time of making.
	Now time.Time
}

// Made is what Init made.
type Made struct {
	// Config is the path of the configuration.
	Config string
	// MemberFile is the path of the member file.
	MemberFile string
	// Member goes into the directory.
	Member *rogatoryv1.Member
	// Fingerprint of the root key, for reading aloud.
	Fingerprint string
	// Founders' key files that were made here.
	Officers []string
}

// Check says what Init would refuse before it makes anything: ErrExists when there is a node.
func Check(o Options) error {
	if len(o.Founders) != 0 && (len(o.Founders) != 2 || o.Founders[0].Pseudonym == o.Founders[1].Pseudonym) {
		return ErrFounders
	}
	file := filepath.Join(o.Dir, ConfigFile)
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s: %w", file, ErrExists)
	}
	_, err := configs.Parse(file, []byte(config(o)))
	return err
}

// Init makes a node's folder. A mistake in the options is found before a key is made.
func Init(o Options) (*Made, error) {
	if err := Check(o); err != nil {
		return nil, err
	}
	if len(o.Founders) == 0 {
		low := strings.ToLower(o.Country)
		o.Founders = []Founder{{Pseudonym: low + "-founder-1"}, {Pseudonym: low + "-founder-2"}}
	}
	made := &Made{
		Config:     filepath.Join(o.Dir, ConfigFile),
		MemberFile: filepath.Join(o.Dir, o.Country+MemberSuffix),
	}
	text := config(o)
	for _, folder := range []string{"", RingFolder, DataFolder, GuardFolder, TLSFolder, PeopleFolder} {
		if err := os.MkdirAll(filepath.Join(o.Dir, folder), 0o700); err != nil {
			return nil, err
		}
	}
	ring := keyring.NewRing(o.Now, IdentityLife)
	for _, u := range o.Units {
		if err := ring.AddUnit(u.Name); err != nil {
			return nil, err
		}
	}
	if err := keyring.CreateRing(filepath.Join(o.Dir, RingFolder, keyring.RingFile), ring, o.Lock); err != nil {
		return nil, err
	}
	sealing, err := ring.OpenSealing(filepath.Join(o.Dir, RingFolder, keyring.SealingFile))
	if err != nil {
		return nil, err
	}
	if _, _, err := sealing.EnsureDays(o.Now); err != nil {
		return nil, err
	}
	founders, err := makeFounders(o, made)
	if err != nil {
		return nil, err
	}
	if err := makeCertificates(o); err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = "Contact point of " + o.Country
	}
	if made.Member, err = Member(o.Country, o.Federation, o.Zone, o.Name, ring, founders); err != nil {
		return nil, err
	}
	made.Fingerprint = ring.Identity().Public().Fingerprint()
	b, err := protojson.MarshalOptions{Multiline: true, UseProtoNames: false}.Marshal(made.Member)
	if err != nil {
		return nil, fmt.Errorf("encoding the member: %w", err)
	}
	if err := writeNew(made.MemberFile, append(b, '\n'), 0o644); err != nil {
		return nil, err
	}
	return made, writeNew(made.Config, []byte(text), 0o600)
}

// Member returns what a directory says of a country whose keys stand in the ring.
func Member(country, fed, zone, name string, ring *keyring.Ring, founders []*rogatoryv1.Officer) (*rogatoryv1.Member, error) {
	origin := federation.Origin(fed, country, 1)
	seeds := ring.Log()
	signer, err := translog.NewLogSigner(origin, seeds.Ed25519.Bytes(), seeds.MLDSA44.Bytes())
	if err != nil {
		return nil, fmt.Errorf("naming the log: %w", err)
	}
	ed, pq := signer.Verifier().VKeys()
	return &rogatoryv1.Member{
		Country:  country,
		RootKey:  ring.Identity().Public().Bytes(),
		Log:      &rogatoryv1.LogInfo{Origin: origin, Keys: []string{ed, pq}},
		Founders: founders,
		Zone:     zone,
		Name:     name,
	}, nil
}

// HumanRights are the rights that people can have.
var HumanRights = []rogatoryv1.Right{
	rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT, rogatoryv1.Right_RIGHT_APPROVE,
	rogatoryv1.Right_RIGHT_ENROL, rogatoryv1.Right_RIGHT_MANAGE,
}

func makeFounders(o Options, made *Made) ([]*rogatoryv1.Officer, error) {
	lock := o.Lock
	if o.FounderLock != nil {
		lock = *o.FounderLock
	}
	var units []string
	for _, u := range o.Units {
		units = append(units, u.Name)
	}
	var founders []*rogatoryv1.Officer
	for _, f := range o.Founders {
		public := f.Key
		if public == nil {
			key := keyring.GenerateOfficer()
			path := filepath.Join(o.Dir, PeopleFolder, f.Pseudonym+".key")
			if err := CreateOfficer(path, f.Pseudonym, key, lock); err != nil {
				return nil, err
			}
			made.Officers = append(made.Officers, path)
			p := key.Public()
			public = &p
		}
		rights := f.Rights
		if rights == nil {
			rights = HumanRights
		}
		founders = append(founders, &rogatoryv1.Officer{
			Pseudonym: f.Pseudonym, PublicKey: public[:], Units: units, Rights: rights,
		})
	}
	return founders, nil
}

// writeNew writes a file that must not be there.
func writeNew(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
