package node_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

func TestOperatorSeesHowTheNodeAndItsPeersAre(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		ctx := context.Background()
		bg.halt()
		rs.mustAsk("BG")
		s := rs.state()
		if s.GetCountry() != "RS" || !s.GetConnected() || !s.GetCleared() || s.GetOutbox() != 1 || s.GetDirectoryVersion() != 1 ||
			s.GetManifestVersion() == 0 || s.GetLogSize() == 0 || len(s.GetWarnings()) != 0 {
			t.Errorf("status %v", s)
		}
		if !strings.HasPrefix(string(s.GetCheckpoint()), name+"/RS/log/1\n") {
			t.Errorf("checkpoint %q", s.GetCheckpoint())
		}
		peers, err := rs.op.Peers(ctx, &nodev1.PeersRequest{})
		must(t, err)
		if p := peers.GetPeers(); len(p) != 1 || p[0].GetCountry() != "BG" || p[0].GetWaiting() != 1 || p[0].GetOldestMs() == 0 || p[0].GetHeardMs() == 0 || p[0].GetStale() || p[0].GetForked() {
			t.Errorf("peers %v", p)
		}
		time.Sleep(25 * time.Hour)
		peers, err = rs.op.Peers(ctx, &nodev1.PeersRequest{})
		must(t, err)
		if !peers.GetPeers()[0].GetStale() {
			t.Error("a manifest of yesterday is not stale")
		}
		parked, err := rs.op.Parked(ctx, &nodev1.ParkedRequest{})
		must(t, err)
		if len(parked.GetParked()) != 0 {
			t.Errorf("parked %v", parked)
		}
		_, err = rs.op.Unpark(ctx, &nodev1.UnparkRequest{Id: 77})
		refused(t, "releasing what is not parked", err, "not-found")

		// A copy of the running node.
		_, err = rs.op.Backup(ctx, &nodev1.BackupRequest{Folder: "here"})
		refused(t, "a backup into a relative folder", err, "request")
		into := filepath.Join(f.dir, "backup")
		made, err := rs.op.Backup(ctx, &nodev1.BackupRequest{Folder: into})
		must(t, err)
		if made.GetBytes() == 0 || made.GetLogSize() < s.GetLogSize() {
			t.Errorf("backup %v", made)
		}
		_, err = rs.op.Backup(ctx, &nodev1.BackupRequest{Folder: into})
		refused(t, "a backup over another", err, "not-empty")
		rs.halt()
	})
}

// Over the network everybody shows a certificate of the node's authority, and the operator's service takes an operator's.
func TestOperatorsServiceTakesAnOperatorsCertificate(t *testing.T) {
	f := federate(t, "RS", "BG")
	rs := f.node["RS"]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	folder := filepath.Join(rs.dir, setup.TLSFolder)
	file := func(name string) string { return filepath.Join(folder, name) }
	rs.start(func(c *configs.Node) {
		c.Listen = configs.Listen{Address: address, Cert: file("server.pem"), Key: file("server-key.pem"), ClientCA: file("ca.pem")}
	})
	dial := func(ca, cert string) *client.Client {
		c, err := client.Dial(client.Options{Address: address, CA: file(ca), Cert: file(cert + ".pem"), Key: file(cert + "-key.pem")})
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ctx := context.Background()
	if _, err := dial("ca.pem", "operator").Operator.Status(ctx, &nodev1.StatusRequest{}); err != nil {
		t.Errorf("the operator is refused: %v", err)
	}
	desk := dial("ca.pem", "desk")
	if _, err := desk.Operator.Status(ctx, &nodev1.StatusRequest{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a desk's certificate at the operator's service: %v", err)
	}
	if _, err := desk.Operator.Backup(ctx, &nodev1.BackupRequest{Folder: filepath.Join(f.dir, "stolen")}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a desk's certificate at a backup: %v", err)
	}
	if _, err := desk.Desk.Officers(ctx, &nodev1.OfficersRequest{}); err != nil {
		t.Errorf("a desk is refused: %v", err)
	}
	// A certificate of another node's authority is none here.
	for _, part := range []string{".pem", "-key.pem"} {
		b, err := os.ReadFile(filepath.Join(f.node["BG"].dir, setup.TLSFolder, "operator"+part))
		must(t, err)
		must(t, os.WriteFile(file("foreign"+part), b, 0o600))
	}
	if _, err := dial("ca.pem", "foreign").Operator.Status(ctx, &nodev1.StatusRequest{}); err == nil {
		t.Error("a certificate of another authority is taken")
	}
}

// When little space is left nothing new is taken in or sent; what waits at the peer arrives when there is space again.
func TestTooLittleSpaceRefusesWhatIsNewAndLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs := f.node["RS"].run()
		full := f.node["BG"].run(func(c *configs.Node) { c.Limits.DiskFree = 1 << 60 })
		rs.clearedIn(time.Minute)
		full.clearedIn(time.Minute)
		token := rs.mustAsk("BG")
		_, err := full.ask("RS")
		refused(t, "sending", err, "disk")
		hint := false
		for _, d := range status.Convert(err).Details() {
			if s, ok := d.(interface{ GetMetadata() map[string]string }); ok {
				hint = hint || strings.Contains(s.GetMetadata()["hint"], "disk")
			}
		}
		if !hint {
			t.Errorf("no hint: %v", err)
		}
		_, err = full.founder(1).attach(noise(10))
		refused(t, "attaching", err, "disk")
		time.Sleep(10 * time.Minute)
		if full.has(token) || rs.state().GetOutbox() != 1 {
			t.Error("a message was taken in without space")
		}
		full.halt()
		bg := f.node["BG"].run()
		// The sender was told to wait, longer each time.
		within(t, 15*time.Minute, "delivery", func() bool { return bg.has(token) && rs.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
		oneEffect(t, f, map[string]string{token: "RS-BG"})
	})
}

func TestContentAboveTheNodesLimitIsRefusedBeforeAnythingIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs := f.node["RS"].run(func(c *configs.Node) { c.Limits.MaxContent = 512 })
		rs.clearedIn(time.Minute)
		_, err := rs.ask("BG")
		refused(t, "a content above the limit", err, "too-large")
		if s := rs.state(); s.GetOutbox() != 0 {
			t.Errorf("%d messages wait", s.GetOutbox())
		}
		rs.halt()
	})
}
