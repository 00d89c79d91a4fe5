package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// desk is a small honest desk, with a knob to lie.
type desk struct {
	nodev1.UnimplementedDeskServiceServer
	t        *testing.T
	officers []*rogatoryv1.Officer
	// lie changes what an honest desk would answer.
	lie func(*answer)
	// two says that two officers are needed.
	two bool
	// findings stop every act.
	findings []*nodev1.Finding
	// flaky is how many Commits fail before one is done.
	flaky     int
	committed []*nodev1.CommitRequest
	file      []byte
}

// answer is what a desk composes, before it is encoded.
type answer struct {
	act      *rogatoryv1.Act
	at       time.Time
	to       []string
	dockets  []*rogatoryv1.Docket
	contents []*rogatoryv1.Content
	// outgoing and targets are filled from the above unless set.
	after func(*nodev1.PrepareResponse)
}

func (d *desk) Officers(context.Context, *nodev1.OfficersRequest) (*nodev1.OfficersResponse, error) {
	return &nodev1.OfficersResponse{Officers: d.officers}, nil
}

func (d *desk) Prepare(_ context.Context, req *nodev1.PrepareRequest) (*nodev1.PrepareResponse, error) {
	if len(d.findings) > 0 {
		return &nodev1.PrepareResponse{Findings: d.findings}, nil
	}
	if req.GetVerb() == rogatoryv1.Verb_VERB_UNSPECIFIED {
		req.Verb = rogatoryv1.Verb_VERB_SEND
		if d.two {
			req.Verb = rogatoryv1.Verb_VERB_DRAFT
		}
	}
	token := req.GetCaseToken() + req.GetFile().GetCaseToken()
	if token == "" {
		token = "RS-2026-000001"
	}
	a := &answer{
		act: &rogatoryv1.Act{Verb: req.GetVerb(), CaseToken: token, Actor: req.GetActor(), Reason: req.GetReason(), Subject: req.GetSubject()},
		at:  time.Now(),
	}
	for _, to := range req.GetFile().GetTo() {
		country, unit, _ := strings.Cut(to, "/")
		c := proto.CloneOf(req.GetFile().GetContent())
		if c.Sender == nil {
			c.Sender = &rogatoryv1.Sender{Authority: rogatoryv1.Authority_AUTHORITY_POLICE, Name: "Invented police"}
		}
		cover := lint.CoverOf(req.GetFile())
		cover.CaseToken, cover.ToUnit, cover.Actor, cover.ActorKind = token, unit, req.GetActor(), rogatoryv1.ActorKind_ACTOR_KIND_OFFICER
		if cover.FromUnit == "" {
			cover.FromUnit = "police"
		}
		a.to = append(a.to, country)
		a.contents = append(a.contents, c)
		a.dockets = append(a.dockets, lint.DocketOf(c, cover))
	}
	if d.lie != nil {
		d.lie(a)
	}
	resp := &nodev1.PrepareResponse{}
	var contentSalt = envelope.NewSalt()
	for i, c := range a.contents {
		docketSalt := envelope.NewSalt()
		content, err := envelope.Marshal(c)
		if err != nil {
			d.t.Error(err)
		}
		docket, err := envelope.Marshal(a.dockets[i])
		if err != nil {
			d.t.Error(err)
		}
		resp.Messages = append(resp.Messages, &nodev1.Outgoing{
			To: a.to[i], Docket: docket, DocketSalt: docketSalt[:], Content: content, ContentSalt: contentSalt[:],
		})
		dc, cc := envelope.Commit(docketSalt, envelope.Docket, docket), envelope.Commit(contentSalt, envelope.Content, content)
		a.act.Targets = append(a.act.Targets, &rogatoryv1.ActTarget{
			To: a.to[i], Unit: a.dockets[i].GetToUnit(), DocketCommit: dc[:], ContentCommit: cc[:],
		})
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	var err error
	if resp.Act, err = federation.NewAct(a.act, nonce, a.at); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	if a.after != nil {
		a.after(resp)
	}
	return resp, nil
}

func (d *desk) Commit(_ context.Context, req *nodev1.CommitRequest) (*nodev1.CommitResponse, error) {
	d.committed = append(d.committed, req)
	if d.flaky > 0 {
		d.flaky--
		return nil, status.Error(codes.Unavailable, "restarting")
	}
	act, err := federation.ParseAct(req.GetAssertion().GetAct())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &nodev1.CommitResponse{Cases: []*nodev1.CaseRow{{CaseToken: act.GetCaseToken(), State: "sent"}}}, nil
}

func (d *desk) Attach(s grpc.ClientStreamingServer[nodev1.AttachRequest, nodev1.AttachResponse]) error {
	first, err := s.Recv()
	if err != nil {
		return err
	}
	if first.GetMediaType() == "" {
		return status.Error(codes.InvalidArgument, "no media type")
	}
	for {
		piece, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return s.SendAndClose(&nodev1.AttachResponse{Attachment: &rogatoryv1.Attachment{Length: uint64(len(d.file))}})
		}
		if err != nil {
			return err
		}
		d.file = append(d.file, piece.GetChunk()...)
	}
}

func (d *desk) Fetch(_ *nodev1.FetchRequest, s grpc.ServerStreamingServer[nodev1.FetchResponse]) error {
	for chunk := range bytesIn(d.file, 100_000) {
		if err := s.Send(&nodev1.FetchResponse{Chunk: chunk}); err != nil {
			return err
		}
	}
	return nil
}

func bytesIn(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(b[:k]) {
				return
			}
			b = b[k:]
		}
	}
}

// start serves the desk on a socket and returns a client of an officer whom it knows.
func start(t *testing.T, d *desk) *Client {
	t.Helper()
	d.t = t
	key := keyring.GenerateOfficer()
	public := key.Public()
	d.officers = append(d.officers, &rogatoryv1.Officer{Pseudonym: "rs-1", PublicKey: public[:]})
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	nodev1.RegisterDeskServiceServer(s, d)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := Dial(Options{Socket: socket, Officer: &Officer{Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

func reminder(to ...string) *rogatoryv1.RequestFile {
	return &rogatoryv1.RequestFile{
		To: to, CaseToken: "RS-2026-000007",
		Content: &rogatoryv1.Content{
			Language: "en",
			Body:     &rogatoryv1.Content_Reminder{Reminder: &rogatoryv1.Reminder{Text: "Where does it stay?"}},
		},
	}
}

func TestAnHonestNodeGetsASignatureOverWhatItPrepared(t *testing.T) {
	d := &desk{}
	c := start(t, d)
	resp, err := c.Do(t.Context(), Want{Verb: rogatoryv1.Verb_VERB_SEND, File: reminder("BG/police", "MK")})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetCases()[0].GetCaseToken() != "RS-2026-000007" || len(d.committed) != 1 {
		t.Fatalf("committed %v, answered %v", d.committed, resp)
	}
	req := d.committed[0]
	public := c.Officer().Key.Public()
	if err := public.Verify(federation.ActDigest(req.GetAssertion().GetAct()), req.GetAssertion().GetSignature()); err != nil {
		t.Error(err)
	}
	if len(req.GetMessages()) != 2 {
		t.Errorf("%d messages echoed", len(req.GetMessages()))
	}
	if c.Officer().Pseudonym != "rs-1" {
		t.Errorf("acts as %q", c.Officer().Pseudonym)
	}
}

func TestANodeThatLiesGetsNoSignature(t *testing.T) {
	text := func(c *rogatoryv1.Content) *string { return &c.GetReminder().Text }
	for name, lie := range map[string]func(*answer){
		"another verb":      func(a *answer) { a.act.Verb = rogatoryv1.Verb_VERB_APPROVE },
		"another case":      func(a *answer) { a.act.CaseToken = "RS-2026-000008" },
		"another actor":     func(a *answer) { a.act.Actor = "rs-2" },
		"a reason":          func(a *answer) { a.act.Reason = "curiosity" },
		"a subject":         func(a *answer) { a.act.Subject = make([]byte, 32) },
		"an old act":        func(a *answer) { a.at = a.at.Add(-time.Hour) },
		"a future act":      func(a *answer) { a.at = a.at.Add(time.Hour) },
		"another text":      func(a *answer) { *text(a.contents[0]) = "Withdraw everything." },
		"an added language": func(a *answer) { a.contents[0].Language = "sr" },
		"another body": func(a *answer) {
			a.contents[0].Body = &rogatoryv1.Content_Close{Close: &rogatoryv1.Close{}}
			a.dockets[0] = lint.DocketOf(a.contents[0], lint.Cover{CaseToken: a.act.CaseToken, ToUnit: "police", Actor: "rs-1"})
		},
		"an attachment": func(a *answer) {
			a.contents[0].Attachments = []*rogatoryv1.Attachment{{Title: "added"}}
		},
		"a docket of another kind":  func(a *answer) { a.dockets[0].Kind = rogatoryv1.Kind_KIND_WITHDRAWAL },
		"a docket of another actor": func(a *answer) { a.dockets[0].Actor = "rs-2" },
		"a docket in another case":  func(a *answer) { a.dockets[0].CaseToken = "RS-2026-000008" },
		"a docket with break-glass": func(a *answer) { a.dockets[0].BreakGlass = true },
		"a docket with a refusal": func(a *answer) {
			a.dockets[0].Refusals = []*rogatoryv1.Refusal{{Item: rogatoryv1.Want_WANT_BANK, Ground: rogatoryv1.Ground_GROUND_NOT_AVAILABLE}}
		},
		"another country": func(a *answer) { a.to[0] = "XX" },
		"another unit":    func(a *answer) { a.dockets[0].ToUnit = "fiu" },
		"one more recipient": func(a *answer) {
			a.to, a.contents, a.dockets = append(a.to, "XX"), append(a.contents, a.contents[0]), append(a.dockets, a.dockets[0])
		},
		"one recipient less": func(a *answer) { a.to, a.contents, a.dockets = a.to[:1], a.contents[:1], a.dockets[:1] },
		"nothing to send":    func(a *answer) { a.to, a.contents, a.dockets = nil, nil, nil },
		"another docket's salt": func(a *answer) {
			a.after = func(r *nodev1.PrepareResponse) { r.Messages[0].DocketSalt[0] ^= 1 }
		},
		"a short salt": func(a *answer) {
			a.after = func(r *nodev1.PrepareResponse) { r.Messages[0].ContentSalt = r.Messages[0].ContentSalt[:31] }
		},
		"content beyond the commitment": func(a *answer) {
			a.after = func(r *nodev1.PrepareResponse) { r.Messages[0].Content = append(r.Messages[0].Content, 0xfa, 7, 0) }
		},
		"an act with a tail": func(a *answer) {
			a.after = func(r *nodev1.PrepareResponse) { r.Act = append(r.Act, 0xfa, 7, 0) }
		},
		"a message without a target": func(a *answer) {
			a.after = func(r *nodev1.PrepareResponse) { r.Messages = append(r.Messages, r.Messages[0]) }
		},
		"two messages for one target": func(a *answer) {
			a.after = func(r *nodev1.PrepareResponse) { r.Messages[1] = r.Messages[0] }
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{lie: lie}
			c := start(t, d)
			_, err := c.Do(t.Context(), Want{Verb: rogatoryv1.Verb_VERB_SEND, File: reminder("BG/police", "MK")})
			if err == nil || len(d.committed) > 0 {
				t.Fatalf("signed %v, error %v", d.committed, err)
			}
			if !errors.Is(err, ErrNotAsked) && status.Code(err) == codes.OK {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestAnActThatSendsNothingIsSignedWithoutTargets(t *testing.T) {
	d := &desk{}
	c := start(t, d)
	want := Want{Verb: rogatoryv1.Verb_VERB_REGISTER, CaseToken: "RS-2026-000007"}
	if _, err := c.Do(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	d.lie = func(a *answer) {
		a.to, a.contents = []string{"BG"}, []*rogatoryv1.Content{reminder().GetContent()}
		a.dockets = []*rogatoryv1.Docket{lint.DocketOf(a.contents[0], lint.Cover{Actor: "rs-1"})}
	}
	if _, err := c.Do(t.Context(), want); !errors.Is(err, ErrNotAsked) {
		t.Errorf("targets came along: %v", err)
	}
}

func TestWhatOpensACaseFollowsNothingThatTheFileDoesNotName(t *testing.T) {
	d := &desk{}
	c := start(t, d)
	file := reminder("BG")
	file.CaseToken = ""
	if _, err := c.Do(t.Context(), Want{File: file}); err != nil {
		t.Fatal(err)
	}
	d.lie = func(a *answer) { a.dockets[0].Of = make([]byte, 32) }
	if _, err := c.Do(t.Context(), Want{File: file}); !errors.Is(err, ErrNotAsked) {
		t.Errorf("it was made to follow another message: %v", err)
	}
}

func TestANodeFillsWhoSpeaksWhenTheFileDoesNotSay(t *testing.T) {
	d := &desk{}
	c := start(t, d)
	file := reminder("BG")
	if _, err := c.Do(t.Context(), Want{Verb: rogatoryv1.Verb_VERB_SEND, File: file}); err != nil {
		t.Errorf("without sender: %v", err)
	}
	file.Content.Sender = &rogatoryv1.Sender{Authority: rogatoryv1.Authority_AUTHORITY_POLICE, Name: "Another invented police"}
	d.lie = func(a *answer) { a.contents[0].Sender.Name = "Somebody else" }
	if _, err := c.Do(t.Context(), Want{Verb: rogatoryv1.Verb_VERB_SEND, File: file}); !errors.Is(err, ErrNotAsked) {
		t.Errorf("a sender that the file names was changed: %v", err)
	}
}

func TestTheNodeSaysWhetherTwoOfficersAreNeeded(t *testing.T) {
	for _, two := range []bool{false, true} {
		d := &desk{two: two}
		c := start(t, d)
		_, draft, err := c.Send(t.Context(), reminder("BG"))
		if err != nil || draft != two {
			t.Errorf("two officers %v: draft %v, error %v", two, draft, err)
		}
	}
	d := &desk{two: true}
	c := start(t, d)
	file := reminder("BG")
	file.BreakGlass = true
	if _, _, err := c.Send(t.Context(), file); !errors.Is(err, ErrNotAsked) {
		t.Errorf("danger to life became a draft: %v", err)
	}
}

func TestACommitIsRepeatedWithTheSameActWhileTheNodeRestarts(t *testing.T) {
	d := &desk{flaky: 2}
	c := start(t, d)
	if _, err := c.Do(t.Context(), Want{Verb: rogatoryv1.Verb_VERB_SEND, File: reminder("BG")}); err != nil {
		t.Fatal(err)
	}
	if len(d.committed) != 3 {
		t.Fatalf("%d attempts", len(d.committed))
	}
	for _, r := range d.committed[1:] {
		if !bytes.Equal(r.GetAssertion().GetAct(), d.committed[0].GetAssertion().GetAct()) {
			t.Error("another act")
		}
	}
}

func TestFindingsStopTheActAndAreCarried(t *testing.T) {
	d := &desk{findings: []*nodev1.Finding{{Code: "required", Path: "content.language"}, {Code: "look", Warning: true}}}
	c := start(t, d)
	_, err := c.Do(t.Context(), Want{Verb: rogatoryv1.Verb_VERB_SEND, File: reminder("BG")})
	var f *FindingsError
	if !errors.As(err, &f) || len(f.Findings) != 2 {
		t.Fatalf("error is %v", err)
	}
	if err.Error() != "the message would be refused: required content.language" {
		t.Errorf("says %v", err)
	}
}

func TestWhoIsNotOnTheRegisterSignsNothing(t *testing.T) {
	c := start(t, &desk{})
	stranger := c.As(&Officer{Key: keyring.GenerateOfficer()})
	if _, err := stranger.Do(t.Context(), Want{Verb: rogatoryv1.Verb_VERB_SEND, File: reminder("BG")}); !errors.Is(err, ErrNotOnRegister) {
		t.Errorf("error is %v", err)
	}
	if _, err := c.As(nil).List(t.Context(), &nodev1.ListRequest{}); !errors.Is(err, ErrNoOfficer) {
		t.Errorf("error is %v", err)
	}
}

func TestAnAttachmentComesBackAsItWent(t *testing.T) {
	c := start(t, &desk{})
	for _, size := range []int{0, 1, chunkSize, 3*chunkSize + 17} {
		want := make([]byte, size)
		_, _ = rand.Read(want)
		d := &desk{}
		c = start(t, d)
		a, err := c.Attach(t.Context(), bytes.NewReader(want), "application/pdf", "a title")
		if err != nil || a.GetLength() != uint64(size) {
			t.Fatalf("%d bytes: %v, %v", size, a, err)
		}
		var got bytes.Buffer
		n, err := c.Fetch(t.Context(), "RS-2026-000001", make([]byte, 16), "case-work", &got)
		if err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d bytes: %d came back, %v", size, n, err)
		}
	}
	if _, err := c.Attach(t.Context(), strings.NewReader("x"), "", ""); status.Code(err) != codes.InvalidArgument {
		t.Errorf("the node's reason does not come through: %v", err)
	}
}

func TestAnOfficersFileCarriesThePseudonymBesideIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "o.key")
	key := keyring.GenerateOfficer()
	if err := keyring.CreateOfficer(path, key, keyring.Plain()); err != nil {
		t.Fatal(err)
	}
	o, err := OpenOfficer(path, keyring.Plain())
	if err != nil || o.Pseudonym != "" {
		t.Fatalf("without a public part: %v, %v", o, err)
	}
	for _, c := range []struct {
		line string
		ok   bool
	}{
		{FormatPublic("rs-1", key.Public()), true},
		{FormatPublic("rs-1", keyring.GenerateOfficer().Public()), false},
		{"rs-1\n", false},
		{"", false},
	} {
		if err := os.WriteFile(path+PublicSuffix, []byte(c.line), 0o644); err != nil {
			t.Fatal(err)
		}
		o, err := OpenOfficer(path, keyring.Plain())
		if (err == nil) != c.ok || (c.ok && o.Pseudonym != "rs-1") {
			t.Errorf("%q: %v, %v", c.line, o, err)
		}
	}
}

func TestDialWantsOneWayToTheNode(t *testing.T) {
	for _, o := range []Options{{}, {Socket: "s", Address: "a:1"}} {
		if _, err := Dial(o); !errors.Is(err, ErrAddress) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func FuzzParsePublic(f *testing.F) {
	f.Add("rs-1 officer-ed25519:AAAA\n")
	f.Add(FormatPublic("rs-1", keyring.GenerateOfficer().Public()))
	f.Fuzz(func(t *testing.T, line string) {
		name, key, err := ParsePublic(line)
		if err == nil && strings.TrimSuffix(FormatPublic(name, key), "\n") != strings.TrimSuffix(line, "\n") {
			t.Errorf("%q reads as %q %s", line, name, key)
		}
	})
}
