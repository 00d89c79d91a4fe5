package configs

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds a configuration file; the largest real one has a few kilobytes.
const maxFile = 1 << 20

// maxSocket is the longest path of a unix socket: sun_path of unix(7) has 108 bytes with its final zero.
const maxSocket = 107

// Load reads the configuration of a node. The error is a *os.PathError when the file cannot be read, and Mistakes, all of
// them, when it can but is not right.
func Load(path string) (*Node, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return Parse(path, data)
}

// Parse does what Load does with the bytes of a file. Its path is used for messages and relative paths; it need not exist.
func Parse(path string, data []byte) (*Node, error) {
	d := &decoder{file: path, where: map[string]mark{}}
	if len(data) > maxFile {
		return nil, append(d.mistakes, Mistake{File: path, What: "the file is larger than 1 MiB", Hint: "this is not a configuration of a node"})
	}
	d.lines = strings.Split(string(data), "\n")
	n := new(Node)
	root := d.parse(data)
	if root == nil || root.Kind == 0 || (root.Kind == yaml.ScalarNode && root.Value == "") {
		if len(d.mistakes) == 0 {
			d.mistake(mark{}, "", "the file is empty", "begin with the example: rogatory-node init writes one")
		}
		return nil, d.sorted()
	}
	d.value(root, reflect.ValueOf(n).Elem(), "")
	if root.Kind == yaml.MappingNode {
		d.check(n)
	}
	if len(d.mistakes) > 0 {
		return nil, d.sorted()
	}
	n.File = path
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("finding the folder of %s: %w", path, err)
	}
	for _, p := range n.paths() {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
	if len(n.Socket) > maxSocket {
		d.wrong("socket", fmt.Sprintf("the socket's path has %d bytes, at most %d: %s", len(n.Socket), maxSocket, n.Socket), "the system takes no longer ones: give socket a shorter path, for example /run/rogatory/node.sock")
		return nil, d.sorted()
	}
	return n, nil
}

// paths lists every field that is a path.
func (n *Node) paths() []*string {
	return []*string{
		&n.Data, &n.Keys.Ring, &n.Keys.PassphraseFile, &n.Guard, &n.Directory, &n.Pin, &n.Socket,
		&n.NATS.CA, &n.NATS.Cert, &n.NATS.Key, &n.Listen.Cert, &n.Listen.Key, &n.Listen.ClientCA,
	}
}

// MainDB is the path of the main store.
func (n *Node) MainDB() string { return filepath.Join(n.Data, "main.db") }

// KeysDB is the path of the store of data keys.
func (n *Node) KeysDB() string { return filepath.Join(n.Data, "keys.db") }

// Blobs is the folder of sealed attachments.
func (n *Node) Blobs() string { return filepath.Join(n.Data, "blobs") }

// RingFile is the path of the key ring itself.
func (n *Node) RingFile() string { return filepath.Join(n.Keys.Ring, "ring.age") }

// SealingFile is the path of the daily sealing keys, which are never backed up.
func (n *Node) SealingFile() string { return filepath.Join(n.Keys.Ring, "sealing.keys") }
