package setup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func options(t *testing.T) Options {
	return Options{
		Dir: filepath.Join(t.TempDir(), "rs"), Country: "RS", Federation: "rogatory.example", Zone: "Europe/Belgrade",
		Units: []Unit{
			{Name: "police", Contact: configs.Contact{Name: "Invented \"Police\": Directorate", Phone: "+381110000000"}},
			{Name: "fiu"}, {Name: "arms", Authority: "customs"},
		},
		Lock: keyring.Plain(), Insecure: true, InsecureNATS: true, Listen: "10.20.30.40:7443", Languages: []string{"sr", "en"},
		Round: 2 * time.Second, Now: time.Now(),
	}
}

func TestWhatInitWritesLoadsAndOpens(t *testing.T) {
	o := options(t)
	made, err := Init(o)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(made.Config)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Units[0].Contact != o.Units[0].Contact || cfg.Units[2].Authority != "AUTHORITY_CUSTOMS" || cfg.Round != 2*time.Second {
		t.Errorf("the configuration reads as %+v", cfg)
	}
	ring, err := keyring.OpenRing(cfg.RingFile(), keyring.Plain())
	if err != nil {
		t.Fatal(err)
	}
	if len(ring.Units()) != 3 || ring.Identity().Public().Fingerprint() != made.Fingerprint {
		t.Errorf("units %v", ring.Units())
	}
	if s, err := ring.OpenSealing(cfg.SealingFile()); err != nil || len(s.All()) == 0 {
		t.Errorf("sealing keys: %v", err)
	}
	if len(made.Officers) != 2 {
		t.Fatalf("key files %v", made.Officers)
	}
	for _, path := range made.Officers {
		if o, err := client.OpenOfficer(path, keyring.Plain()); err != nil || o.Pseudonym == "" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTheMemberThatInitMakesGoesIntoADirectory(t *testing.T) {
	made, err := Init(options(t))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signed, err := federation.Propose(nil, &rogatoryv1.Directory{
		Federation: "rogatory.example", Threshold: 1, Members: []*rogatoryv1.Member{made.Member}, Tzdata: "2025c",
		ValidFromMs: uint64(now.UnixMilli()), ValidUntilMs: uint64(now.Add(time.Hour).UnixMilli()),
	})
	if err != nil {
		t.Fatal(err)
	}
	d, sum, err := federation.ReadDirectory(signed)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.OpenRing(filepath.Join(filepath.Dir(made.Config), RingFolder, keyring.RingFile), keyring.Plain())
	if err != nil {
		t.Fatal(err)
	}
	if signed, err = federation.SignDirectory(nil, signed, "RS", ring.Identity()); err != nil {
		t.Fatal(err)
	}
	dir, err := federation.ParseDirectory(signed, sum)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := federation.NewRegister(dir, "RS"); err != nil || len(r.Officers()) != 2 || len(d.GetMembers()) != 1 {
		t.Errorf("register: %v", err)
	}
}

func TestASecondInitChangesNothing(t *testing.T) {
	o := options(t)
	made, err := Init(o)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(o.Dir, RingFolder, keyring.RingFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(o); !errors.Is(err, ErrExists) {
		t.Errorf("error is %v", err)
	}
	// A crash before the configuration left keys: they are not replaced either.
	if err := os.Remove(made.Config); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(o); !errors.Is(err, keyring.ErrExists) {
		t.Errorf("error is %v", err)
	}
	after, err := os.ReadFile(filepath.Join(o.Dir, RingFolder, keyring.RingFile))
	if err != nil || string(after) != string(before) {
		t.Errorf("the ring was replaced: %v", err)
	}
}

func TestAMistakeIsFoundBeforeAKeyIsMade(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"country":      func(o *Options) { o.Country = "Serbia" },
		"zone":         func(o *Options) { o.Zone = "Europe/Beograd" },
		"no unit":      func(o *Options) { o.Units = nil },
		"unit":         func(o *Options) { o.Units[0].Name = "Police" },
		"authority":    func(o *Options) { o.Units[2].Authority = "navy" },
		"quotes":       func(o *Options) { o.Federation = "x\"\ninsecure: true" },
		"one founder":  func(o *Options) { o.Founders = []Founder{{Pseudonym: "a"}} },
		"same founder": func(o *Options) { o.Founders = []Founder{{Pseudonym: "a"}, {Pseudonym: "a"}} },
	} {
		o := options(t)
		change(&o)
		if _, err := Init(o); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := os.Stat(o.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a folder was made", name)
		}
	}
}
