package backbone_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
	"github.com/rogatory/rogatory/node/transport/broker"
)

// A member connects with its own client, which may send what ours never would.
type member struct {
	*nats.Conn
	t          testing.TB
	complaints chan error
}

func (r *rig) member(country string) *member {
	r.t.Helper()
	m := &member{t: r.t, complaints: make(chan error, 64)}
	var err error
	m.Conn, err = nats.Connect(r.URL(), nats.Secure(r.tls(r.authority.Member(country))),
		nats.CustomInboxPrefix("_INBOX_"+country),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { m.complaints <- err }))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(m.Close)
	return m
}

func (r *rig) operator() jetstream.JetStream {
	r.t.Helper()
	nc, err := nats.Connect(r.URL(), nats.Secure(r.tls(r.authority.Operator())))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		r.t.Fatal(err)
	}
	return js
}

// denied checks that the server complains of what was done since the last call.
func (m *member) denied(what string) {
	m.t.Helper()
	if err := m.FlushTimeout(5 * time.Second); err != nil {
		m.t.Fatal(err)
	}
	select {
	case err := <-m.complaints:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			m.t.Errorf("%s: %v", what, err)
		}
	case <-time.After(5 * time.Second):
		m.t.Errorf("%s: not denied", what)
	}
}

func TestMemberCannotTouchWhatIsAnothers(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { probeMember(t, newRig(t, backbone.StreamOptions{})) })
	t.Run("configuration file", func(t *testing.T) { probeMember(t, newFileRig(t)) })
}

// newFileRig is newRig with a server that reads the configuration that operators get.
func newFileRig(t *testing.T) *rig {
	t.Helper()
	a, err := broker.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pair, err := a.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.WriteFiles(dir, "server"); err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, a.Roots(), 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := broker.Config(broker.Files{
		Listen: "127.0.0.1:-1", Store: filepath.Join(dir, "store"),
		Cert: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server-key.pem"), Roots: roots,
	}, members)
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "nats-server.conf")
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := broker.StartFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	r := &rig{Broker: b, t: t, authority: a}
	if err := r.EnsureStreams(t.Context(), r.tls(a.Operator()), members, backbone.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	return r
}

// probeMember lets BG try what only RS, NO or the operator may.
func probeMember(t *testing.T, r *rig) {
	rs, no, bg := r.open("RS", transport.CallOptions{}), r.open("NO", transport.CallOptions{}), r.member("BG")
	ctx := within(t, 60*time.Second)
	if err := no.Publish(ctx, "RS", []byte("for RS")); err != nil {
		t.Fatal(err)
	}

	t.Run("publish", func(t *testing.T) {
		for _, s := range []string{
			"rogatory.v1.RS.mail.NO", "rogatory.v1.RS.call.NO", "rogatory.v1.RS.reply.NO", // as another
			"rogatory.v1.all.manifest.NO",
			"rogatory.v1.BG.mail.BG", "rogatory.v1.RS.other.BG", "rogatory.v1.RS.mail.BG.x", "rogatory.v1.RS.mail",
			"_INBOX_RS.x", "_INBOX_BG.x", "anything",
		} {
			if err := bg.Publish(s, []byte("x")); err != nil {
				t.Fatal(err)
			}
			bg.denied("publish " + s)
		}
	})
	t.Run("subscribe", func(t *testing.T) {
		for _, s := range []string{
			"rogatory.v1.RS.mail.*", "rogatory.v1.RS.call.*", "rogatory.v1.RS.reply.*", "rogatory.v1.RS.call.BG",
			"rogatory.v1.*.call.*", "rogatory.>", ">", "*.>", "_INBOX_RS.>", "_INBOX.>", "_INBOX*.>", "$JS.>", "$JS.ACK.>", "$SYS.>",
			"$JS.EVENT.>", "rogatory.v1.BG.mail.*",
		} {
			if _, err := bg.SubscribeSync(s); err != nil {
				t.Fatal(err)
			}
			bg.denied("subscribe " + s)
		}
	})
	t.Run("JetStream API", func(t *testing.T) {
		for _, s := range []string{
			"CONSUMER.CREATE.MAIL_RS", "CONSUMER.CREATE.MAIL_RS.x", "CONSUMER.CREATE.MAIL_RS.x.rogatory.v1.RS.mail.NO",
			"CONSUMER.DURABLE.CREATE.MAIL_RS.x", "CONSUMER.CREATE.MAIL_BG", "CONSUMER.CREATE.MAIL_BG.x",
			"CONSUMER.DURABLE.CREATE.MAIL_BG.RS", "CONSUMER.CREATE.STATEMENTS.x",
			"CONSUMER.MSG.NEXT.MAIL_RS.NO", "CONSUMER.MSG.NEXT.MAIL_RS.BG", "CONSUMER.MSG.NEXT.MAIL_BG.x",
			"CONSUMER.DELETE.MAIL_RS.NO", "CONSUMER.DELETE.MAIL_BG.RS", "CONSUMER.RESET.MAIL_BG.RS",
			"CONSUMER.PAUSE.MAIL_RS.NO", "CONSUMER.PAUSE.MAIL_BG.RS", "CONSUMER.UNPIN.MAIL_BG.RS",
			"CONSUMER.LIST.MAIL_RS", "CONSUMER.NAMES.MAIL_RS", "CONSUMER.INFO.MAIL_RS.NO", "CONSUMER.LEADER.STEPDOWN.MAIL_RS.NO",
			"STREAM.CREATE.MAIL_XX", "STREAM.UPDATE.MAIL_RS", "STREAM.UPDATE.MAIL_BG", "STREAM.DELETE.MAIL_RS", "STREAM.DELETE.MAIL_BG",
			"STREAM.PURGE.MAIL_RS", "STREAM.PURGE.MAIL_BG", "STREAM.PURGE.STATEMENTS", "STREAM.LIST", "STREAM.NAMES",
			"STREAM.INFO.MAIL_RS", "STREAM.INFO.MAIL_BG", "STREAM.INFO.STATEMENTS",
			"STREAM.MSG.GET.MAIL_RS", "STREAM.MSG.GET.MAIL_BG", "STREAM.MSG.DELETE.MAIL_RS", "STREAM.MSG.DELETE.STATEMENTS",
			"STREAM.SNAPSHOT.MAIL_RS", "STREAM.RESTORE.MAIL_RS", "STREAM.PEER.REMOVE.MAIL_RS", "STREAM.LEADER.STEPDOWN.MAIL_RS",
			"DIRECT.GET.MAIL_RS", "DIRECT.GET.MAIL_RS.rogatory.v1.RS.mail.NO", "DIRECT.GET.MAIL_BG",
			"INFO", "ACCOUNT.PURGE.x", "META.LEADER.STEPDOWN", "SERVER.REMOVE",
		} {
			if err := bg.PublishRequest("$JS.API."+s, bg.NewInbox(), []byte("{}")); err != nil {
				t.Fatal(err)
			}
			bg.denied(s)
		}
	})
	t.Run("acks", func(t *testing.T) {
		for _, s := range []string{
			"$JS.ACK.MAIL_RS.NO.1.1.1.1.0", "$JS.ACK.MAIL_RS.NO.MAIL_BG.1.1.1.0",
			"$JS.ACK._.x.MAIL_RS.NO.1.1.1.1.0", "$JS.ACK.hub.x.MAIL_BG.NO.1.1.1.1.0",
		} {
			if err := bg.Publish(s, []byte("+ACK")); err != nil {
				t.Fatal(err)
			}
			bg.denied(s)
		}
	})
	t.Run("what was there is there", func(t *testing.T) {
		frames, err := rs.Receive(ctx, "NO", 1<<20)
		if err != nil || len(frames) != 1 || string(frames[0].Data) != "for RS" {
			t.Errorf("got %d frames, %v", len(frames), err)
		}
	})
}

// A server answers a request under whatever reply subject stands in it, with its own rights. So a member may try to make the server speak for it.
func TestReplySubjectsGiveNoRights(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	rs, no, bg := r.open("RS", transport.CallOptions{}), r.open("NO", transport.CallOptions{}), r.member("BG")
	js := r.operator()
	heard := make(chan *nats.Msg, 64)
	ear := r.member("RS")
	for _, s := range []string{"rogatory.v1.RS.call.*", "rogatory.v1.RS.reply.*", "rogatory.v1.all.*.*", "_INBOX_RS.x"} {
		if _, err := ear.ChanSubscribe(s, heard); err != nil {
			t.Fatal(err)
		}
	}
	if err := ear.FlushTimeout(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	ctx := within(t, 60*time.Second)
	for range 3 {
		if err := no.Publish(ctx, "RS", []byte("for RS")); err != nil {
			t.Fatal(err)
		}
	}
	for _, reply := range []string{
		"$JS.API.STREAM.PURGE.MAIL_RS", "$JS.API.STREAM.DELETE.MAIL_RS", "$JS.API.CONSUMER.DELETE.MAIL_RS.NO",
		"$JS.API.STREAM.MSG.DELETE.MAIL_RS", "$JS.ACK.MAIL_RS.NO.1.1.1.1.0",
		"rogatory.v1.RS.mail.NO", "rogatory.v1.RS.call.NO", "rogatory.v1.RS.reply.NO", "rogatory.v1.all.manifest.NO", "_INBOX_RS.x",
	} {
		for _, request := range []string{
			"rogatory.v1.RS.mail.BG", "rogatory.v1.all.manifest.BG",
			"$JS.API.CONSUMER.MSG.NEXT.MAIL_BG.RS", "$JS.API.DIRECT.GET.STATEMENTS",
		} {
			if err := bg.PublishRequest(request, reply, []byte(`{"batch":1,"no_wait":true}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := bg.FlushTimeout(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(ctx, "MAIL_RS")
	if err != nil {
		t.Fatalf("the mailbox is gone: %v", err)
	}
	if _, err := s.Consumer(ctx, "NO"); err != nil {
		t.Errorf("the consumer is gone: %v", err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter("rogatory.v1.RS.mail.NO"))
	if err != nil {
		t.Fatal(err)
	}
	if n := info.State.Subjects["rogatory.v1.RS.mail.NO"]; n != 3 {
		t.Errorf("%d frames of NO in the mailbox of RS, want 3", n)
	}
	got := 0
	for got < 3 {
		frames, err := rs.Receive(within(t, 5*time.Second), "NO", 1<<20)
		if err != nil {
			t.Fatalf("%d of 3 frames, then %v", got, err)
		}
		got += len(frames)
	}
	if err := ear.FlushTimeout(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	for len(heard) > 0 {
		if m := <-heard; !strings.HasSuffix(m.Subject, ".BG") {
			t.Errorf("RS heard %s", m.Subject)
		}
	}
}

func TestStrangersAreNotLetIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	other, err := broker.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	forged := r.tls(other.Member("RS"))
	for name, c := range map[string]*tls.Config{
		"a member of another authority": forged,
		"no member":                     r.tls(r.authority.Member("HU")),
		"a server's certificate":        r.tls(r.authority.Server("urn:rogatory:member:RS")),
		"no certificate":                {RootCAs: forged.RootCAs},
	} {
		nc, err := nats.Connect(r.URL(), nats.Secure(c))
		if err == nil {
			nc.Close()
			t.Errorf("%s was let in", name)
		}
	}
	if nc, err := nats.Connect(r.URL(), nats.Secure(&tls.Config{Certificates: forged.Certificates})); err == nil {
		nc.Close()
		t.Error("a server of an unknown authority was believed")
	}
}

func TestConfigurationQuotesCountryCodes(t *testing.T) {
	t.Parallel()
	text, err := broker.Config(broker.Files{Listen: "127.0.0.1:4222", Store: "/s", Cert: "c", Key: "k", Roots: "r"}, members)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		unquoted := ""
		for i, field := range strings.Split(line, `"`) {
			if i%2 == 0 {
				unquoted += field
			}
		}
		if strings.Contains(unquoted, "NO") {
			t.Errorf("bare country code in %q", line)
		}
	}
}

func TestPermissionsNameOnlyMembers(t *testing.T) {
	t.Parallel()
	for _, c := range [][]string{{"RS", "*"}, {"RS", ">"}, {"RS", "rs"}, {"RS", "A.B"}, {"RS", ""}} {
		if _, err := backbone.Permissions("RS", c); !errors.Is(err, transport.ErrCountry) {
			t.Errorf("%q: %v", c, err)
		}
	}
	if _, err := backbone.Permissions("HU", members); !errors.Is(err, transport.ErrCountry) {
		t.Errorf("a stranger: %v", err)
	}
	a, err := backbone.Permissions("RS", members)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(a)
	if want := `"rogatory.v1.BG.mail.RS"`; !strings.Contains(string(b), want) {
		t.Errorf("%s lacks %s", b, want)
	}
}
