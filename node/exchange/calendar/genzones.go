//go:build ignore

// Genzones copies the time zones of Europe, Turkey and Cyprus from the Go distribution's copy of the IANA database into
// zones.zip, which package calendar embeds. Run it with go generate when a directory moves to a newer tzdata version, and
// change TZData with it.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "genzones:", err)
		os.Exit(1)
	}
}

func run() error {
	in, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return fmt.Errorf("opening the distribution's zones: %w", err)
	}
	defer in.Close()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		if !strings.HasPrefix(f.Name, "Europe/") && f.Name != "UTC" && f.Name != "Asia/Nicosia" || strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("opening %s: %w", f.Name, err)
		}
		dst, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
		if err != nil {
			return fmt.Errorf("adding %s: %w", f.Name, err)
		}
		if _, err := io.Copy(dst, r); err != nil {
			return fmt.Errorf("copying %s: %w", f.Name, err)
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("closing %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("closing zones.zip: %w", err)
	}
	return os.WriteFile("zones.zip", out.Bytes(), 0o644)
}
