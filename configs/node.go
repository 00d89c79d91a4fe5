package configs

import (
	"slices"
	"time"
)

// Node is the configuration of one country's node. Paths may be relative to the folder of the file they stand in; Load makes
// them absolute.
type Node struct {
	// Country is the node's two-letter code, ISO 3166-1 alpha-2 in capitals. It is read as written: NO is Norway, quoted or not.
	Country string `yaml:"country"`

	// Federation is the name of the directory's federation, for example "rogatory.example". It is the first part of the origin
	// of the node's log, so it never changes.
	Federation string `yaml:"federation"`

	// Data is the folder of the stores: main.db, keys.db and blobs. Trust: whoever reads main.db alone learns dockets, which
	// hold codes and tokens but no person; whoever reads main.db and keys.db without the ring's keys learns no more; whoever
	// changes either is found by the log.
	Data string `yaml:"data"`

	// Keys says where the key ring lies and what opens it.
	Keys Keys `yaml:"keys"`

	// Guard is the file that remembers the head of the log. It lies outside Data and outside every backup, best on another
	// disk. Trust: it holds no secret; if it is restored together with Data, only a peer can notice the rollback.
	Guard string `yaml:"guard"`

	// Directory is the file of the SignedDirectory that the node goes by. Trust: none in the file itself, its signatures are
	// checked each time it is read.
	Directory string `yaml:"directory"`

	// Pin is the file that holds the SHA-256 of the directory taken last, in hexadecimal; default: Directory with ".pin" at
	// the end. `rogatory-node directory take` writes it after a person compared the digest with another member. Trust: who
	// changes it together with Directory puts the node into another federation.
	Pin string `yaml:"pin"`

	// NATS is the backbone. Trust: its operator can delay and drop messages and sees who writes to whom, when and how much;
	// it can read, change and forge nothing.
	NATS NATS `yaml:"nats"`

	// Socket is the unix socket for officers and the operator on the same machine; default node.sock beside Data. Trust:
	// its owner is the operator; reading and sending take an officer's signature besides.
	Socket string `yaml:"socket"`

	// Listen is where gateways and agencies on other machines reach the node, over mutual TLS. Without it only the socket is open.
	Listen Listen `yaml:"listen"`

	// Units are the authorities behind this contact point. A unit reads only its own.
	Units []Unit `yaml:"units"`

	// Zone is the IANA time zone that the node's limits run in, for example "Europe/Belgrade".
	Zone string `yaml:"zone"`

	// Languages are those that the officers read, BCP 47, the preferred one first. Default: en.
	Languages []string `yaml:"languages"`

	// Regimes are the legal instruments that the node works under: eu-2023-977, prum-ii, fiu-amld6, egmont, eio.
	// Default: eu-2023-977 and egmont.
	Regimes []Regime `yaml:"regimes"`

	// CapacityPerHour is how many durable messages one sender may send within an hour; more are answered "busy" and stay
	// with the sender. Default 100000; 0 sets no limit.
	CapacityPerHour int `yaml:"capacity_per_hour"`

	// UndeliveredAfter is how long a message may wait for its receipt before a person is told. It is still sent. Default 24h.
	UndeliveredAfter time.Duration `yaml:"undelivered_after"`

	// Round is how often heads of logs are exchanged and a manifest that changed is published. Default 60s; a demonstration may take 2s.
	Round time.Duration `yaml:"round"`

	// Limits bound what the node takes and keeps.
	Limits Limits `yaml:"limits"`

	// Log is what the process says about itself; the signed log is another thing and cannot be switched off.
	Log Log `yaml:"log"`

	// File is the path that the configuration was read from.
	File string `yaml:"-"`
}

// Keys says where the key ring lies and what opens it.
type Keys struct {
	// Ring is the folder of the key ring (ring.age: identity and log keys, the units' keys) and of the daily sealing keys. Trust: with it and its passphrase one is the node.
	// Mode 0700, files 0600; sealing keys are never backed up.
	Ring string `yaml:"ring"`

	// PassphraseFile holds the passphrase in its first line, mode 0600; with systemd use LoadCredential. Trust: as the ring.
	// Without it the environment variable ROGATORY_PASSPHRASE is read.
	PassphraseFile string `yaml:"passphrase_file"`

	// Insecure says that the ring has no passphrase. For tests and demonstrations.
	Insecure bool `yaml:"insecure"`
}

// NATS is the way to the backbone.
type NATS struct {
	// URLs of the servers: tls:// in earnest, nats:// only together with Insecure.
	URLs []string `yaml:"urls"`

	// CA is the file of certificates that the servers' certificates come from. Trust: for reaching the right broker, not for messages.
	CA string `yaml:"ca"`

	// Cert and Key are the certificate and key that the broker knows this country by. Trust: with them one can flood or
	// starve this country's subjects, and nothing else.
	Cert string `yaml:"cert"`

	// Key belongs to Cert.
	Key string `yaml:"key"`

	// Insecure allows nats:// without TLS, for tests and demonstrations on one machine.
	Insecure bool `yaml:"insecure"`
}

// Listen is the address for other machines. All four are set, or none.
type Listen struct {
	// Address is host and port, for example "10.20.30.40:7443".
	Address string `yaml:"address"`

	// Cert is the file of the node's server certificate.
	Cert string `yaml:"cert"`

	// Key belongs to Cert. Trust: with it one can pose as this node to its own gateways, not to a peer.
	Key string `yaml:"key"`

	// ClientCA is the file of the authority that client certificates come from. Trust: whoever holds its key can make an
	// operator's certificate; acts still take an officer's signature.
	ClientCA string `yaml:"client_ca"`
}

// Unit is one authority behind the contact point.
type Unit struct {
	// Name within the country, 1 to 32 of [a-z0-9-], no hyphen first: the second half of an address like RS/police.
	Name string `yaml:"name"`

	// Authority is what the unit is: police, fiu, prosecutor, court, customs, border, asset-recovery, single-point-of-contact.
	Authority Authority `yaml:"authority"`

	// Contact is who speaks for the unit. The node puts it into messages whose file names no sender.
	Contact Contact `yaml:"contact"`

	// Languages that its officers read; default: the node's.
	Languages []string `yaml:"languages"`

	// Kinds of messages that it takes when they name no unit: request, fiu-request, spontaneous, joint …; empty for every kind.
	Kinds []Kind `yaml:"kinds"`

	// Authorities are the kinds of asking authorities whose messages it takes when they name no unit; empty for all.
	Authorities []Authority `yaml:"authorities"`

	// Default says that the unit takes what no other takes. Exactly one unit has it; a single unit has it without saying so.
	Default bool `yaml:"default"`

	// FourEyes says that what leaves the unit takes a second officer. Default true.
	FourEyes bool `yaml:"four_eyes"`

	// Agencies are pseudonyms of registered agencies that answer for the unit from their own records. Their answers follow
	// rules that were approved beforehand, so they leave without a second officer.
	Agencies []string `yaml:"agencies"`

	// Services are the gRPC methods that the unit answers automatically, as its manifest tells peers.
	Services []string `yaml:"services"`
}

// Contact is who speaks for a unit, day and night. Peers read it in every message.
type Contact struct {
	// Name of the authority.
	Name string `yaml:"name"`

	// Officer is the function of the officer in charge, never a name.
	Officer string `yaml:"officer"`

	// Phone of the desk that answers day and night, E.164.
	Phone string `yaml:"phone"`

	// Email is that desk's mailbox.
	Email string `yaml:"email"`
}

// Limits bound what the node takes and keeps.
type Limits struct {
	// MaxContent is the largest content of one message, without attachments. Default 512KiB, at most 768KiB: an envelope must fit a frame.
	MaxContent Size `yaml:"max_content"`

	// MaxAttachment is the largest attachment. Default 2GiB.
	MaxAttachment Size `yaml:"max_attachment"`

	// OutboxPerPeer is how many messages may wait for one peer; beyond it sending is refused with a time to retry. Default 100000.
	OutboxPerPeer int `yaml:"outbox_per_peer"`

	// ParkedMax is how many envelopes of one peer may be parked; beyond it they are answered "busy" and stay with the peer. Default 1000.
	ParkedMax int `yaml:"parked_max"`

	// DiskFree is the free space in Data below which nothing new is taken in or sent. Default 256MiB.
	DiskFree Size `yaml:"disk_free"`

	// Connections is how many calls may be open at the socket and at Listen together. Default 256.
	Connections int `yaml:"connections"`
}

// Log is what the process says about itself, on standard error.
type Log struct {
	// Level is debug, info, warn or error. Default info. No level prints a person's name or a subject.
	Level string `yaml:"level"`

	// Format is text or json. Default text.
	Format string `yaml:"format"`
}

func (n *Node) defaults() {
	n.CapacityPerHour = 100_000
	n.UndeliveredAfter = 24 * time.Hour
	n.Round = time.Minute
	n.Limits = Limits{
		MaxContent:    512 << 10,
		MaxAttachment: 2 << 30,
		OutboxPerPeer: 100_000,
		ParkedMax:     1000,
		DiskFree:      256 << 20,
		Connections:   256,
	}
	n.Log = Log{Level: "info", Format: "text"}
}

func (u *Unit) defaults() { u.FourEyes = true }

// Unit returns the unit of that name, or nil.
func (n *Node) Unit(name string) *Unit {
	for i := range n.Units {
		if n.Units[i].Name == name {
			return &n.Units[i]
		}
	}
	return nil
}

// Route returns the unit that takes a message which names none: the first that lists the kind or the authority and excludes
// neither, else the default one. Both are names of the enums' values, as their String gives them. Changing the table affects
// arrivals only.
func (n *Node) Route(kind, from string) *Unit {
	var fallback *Unit
	for i := range n.Units {
		u := &n.Units[i]
		if u.Default {
			fallback = u
		}
		if len(u.Kinds) == 0 && len(u.Authorities) == 0 {
			continue
		}
		if fits(u.Kinds, Kind(kind)) && fits(u.Authorities, Authority(from)) {
			return u
		}
	}
	return fallback
}

func fits[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }
