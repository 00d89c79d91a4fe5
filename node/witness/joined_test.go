package witness

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A rig is members who call each other without a network between them.
type rig struct {
	t       *testing.T
	w       *forge.World
	members map[string]*member
	mu      sync.Mutex // peers are called at once: held while a call notes something
}

// A member is one node, as far as it witnesses.
type member struct {
	r       *rig
	country string
	epoch   uint32
	store   *store.Store
	book    *peers.Book
	watch   *Watch

	genesis map[string][]byte // of logs that peers opened after a rollback and have shown
	shown   []string          // to whom its own genesis was shown
	unshown error             // why it cannot be
	asked   []*peerv1.CosignRequest
	answer  func(*peerv1.CosignRequest) (*peerv1.CosignResponse, error) // instead of its own
}

// newRig makes members whose logs are empty but for a genesis. RS writes its second log, and the others have its manifest, but not that log's genesis.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, w: forge.New(t, "BG", "GR", "RS"), members: map[string]*member{}}
	r.w.Recover("RS", r.w.Country("RS").Log.Size())
	for _, c := range r.w.Countries() {
		r.open(c.Code, c.Epoch)
	}
	return r
}

// open starts a member with an empty store.
func (r *rig) open(country string, epoch uint32) *member {
	r.t.Helper()
	c, dir := r.w.Country(country), r.t.TempDir()
	m := &member{r: r, country: country, epoch: epoch, book: peers.New(country, r.w.Directories[0]), genesis: map[string][]byte{}}
	var err error
	if m.store, err = store.Open(store.Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard"), Country: country, Origin: c.Origin(), Epoch: epoch,
		UnitKeys: func(unit string) (store.UnitKey, error) { return store.UnitKey(sha256.Sum256([]byte(unit))), nil },
	}); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = m.store.Close() })
	m.log(c.Log.Entries[0].Body)
	for _, o := range r.w.Countries() {
		m.book.Restore(o.Manifest)
	}
	m.watch = New(Config{
		Country: country, Epoch: epoch, Round: time.Millisecond, Store: m.store, Peers: m.book, Log: c.Log.Signer.Verifier(), Signer: c.Witness, Office: m,
		Client: func(peer string) peerv1.PeerServiceClient { return call{from: m, to: r.members[peer]} },
		Ready:  func(string) bool { return true },
		Genesis: func(_, origin string) ([]byte, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return m.genesis[origin], nil
		},
		Show: func(_ context.Context, peer string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			m.shown = append(m.shown, peer)
			if m.unshown != nil {
				return m.unshown
			}
			return m.store.View(func(read *store.Reader) error {
				first, err := read.Leaf(0)
				r.members[peer].genesis[c.Origin()] = slices.Clone(first)
				return err
			})
		},
		Room: func(string) error { return nil }, Logger: slog.New(slog.DiscardHandler),
	})
	r.members[country] = m
	return m
}

// Checkpoint signs the head, as package post does.
func (m *member) Checkpoint(int64) ([]byte, int64, error) {
	head, err := m.store.Guard(context.Background())
	if err != nil {
		return nil, 0, err
	}
	signer := m.r.w.Country(m.country).Log.Signer
	note, err := translog.SignCheckpoint(translog.Checkpoint{Origin: signer.Verifier().Origin(), Size: head.Size, Root: head.Root}, signer)
	return note, head.Size, err
}

func (m *member) Cleared() bool { return true }

// log appends a leaf.
func (m *member) log(leaf translog.Entry) {
	m.r.t.Helper()
	if _, err := m.store.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Append(leaf)
		return err
	}); err != nil {
		m.r.t.Fatal(err)
	}
}

// pass makes a round.
func (m *member) pass() Status {
	m.r.t.Helper()
	if err := m.watch.Pass(context.Background()); err != nil {
		m.r.t.Fatal(err)
	}
	s, err := m.watch.Status()
	if err != nil {
		m.r.t.Fatal(err)
	}
	return s
}

// cosigned is how much of a log a member has cosigned.
func (m *member) cosigned(of *member) (w *storev1.Witnessed) {
	m.r.t.Helper()
	if err := m.store.View(func(r *store.Reader) (err error) {
		w, _, err = r.Witnessed(m.r.w.Country(of.country).Origin())
		return err
	}); err != nil {
		m.r.t.Fatal(err)
	}
	return w
}

// A call is one member's stub of another.
type call struct {
	peerv1.PeerServiceClient
	from, to *member
}

func (c call) Cosign(ctx context.Context, in *peerv1.CosignRequest, _ ...grpc.CallOption) (*peerv1.CosignResponse, error) {
	c.to.r.mu.Lock()
	c.to.asked = append(c.to.asked, &peerv1.CosignRequest{
		OldSize: in.GetOldSize(), Checkpoint: in.GetCheckpoint(), Proof: in.GetProof(), Genesis: in.GetGenesis(), Cosigned: in.GetCosigned(),
	})
	c.to.r.mu.Unlock()
	if c.to.answer != nil {
		return c.to.answer(in)
	}
	return c.to.watch.Cosign(ctx, c.from.country, in)
}

func (c call) Consistency(_ context.Context, in *peerv1.ConsistencyRequest, _ ...grpc.CallOption) (*peerv1.ConsistencyResponse, error) {
	return c.to.watch.Consistency(in)
}

func TestAPeerThatDoesNotKnowALaterLogIsShownItsGenesisAndCosigns(t *testing.T) {
	r := newRig(t)
	rs, bg := r.members["RS"], r.members["BG"]
	s := rs.pass()
	if len(s.Cosigned) != 2 || s.QuorumSize != 1 {
		t.Fatalf("%+v", s)
	}
	slices.Sort(rs.shown)
	if !slices.Equal(rs.shown, []string{"BG", "GR"}) {
		t.Errorf("shown to %v", rs.shown)
	}
	if len(bg.asked) != 2 || bg.asked[0].GetOldSize() != 0 || bg.asked[1].GetOldSize() != 0 || len(bg.cosigned(rs).GetCosignature()) == 0 {
		t.Errorf("asked %d times, %v", len(bg.asked), bg.cosigned(rs))
	}
	// Who knows it is not shown it again.
	rs.log(&translog.Node{Event: translog.NodeStart, Program: "test"})
	before := rs.store.Size()
	if s = rs.pass(); len(s.Cosigned) != 2 || s.QuorumSize != before || len(rs.shown) != 2 {
		t.Errorf("%+v, shown to %v", s, rs.shown)
	}
}

func TestAPeerThatCannotBeShownTheGenesisIsShownItInALaterRound(t *testing.T) {
	r := newRig(t)
	rs, bg := r.members["RS"], r.members["BG"]
	rs.unshown = errors.New("the peer does not answer")
	if s := rs.pass(); len(s.Cosigned) != 0 || len(bg.asked) != 1 || len(rs.shown) != 2 || bg.cosigned(rs).GetSize() != 0 {
		t.Fatalf("%+v, asked %d times, shown to %v", s, len(bg.asked), rs.shown)
	}
	rs.unshown = nil
	if s := rs.pass(); len(s.Cosigned) != 2 || s.QuorumSize != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAPeerThatNeverKnowsTheLogIsAskedAFewTimesARoundAndHoldsUpNobody(t *testing.T) {
	r := newRig(t)
	rs, bg := r.members["RS"], r.members["BG"]
	bg.answer = func(*peerv1.CosignRequest) (*peerv1.CosignResponse, error) { return nil, errUnopened }
	if s := rs.pass(); len(s.Cosigned) != 1 || s.Cosigned[0] != "GR" || len(bg.asked) != 3 {
		t.Errorf("%+v, asked %d times", s, len(bg.asked))
	}
	// And less and less, until it is heard of.
	for range 10 {
		rs.pass()
	}
	if n := len(bg.asked) / 3; n < 3 || n > 6 {
		t.Errorf("asked in %d rounds of 11", n)
	}
	bg.answer = nil
	rs.book.Hear("BG", time.Now().Add(time.Second))
	if s := rs.pass(); len(s.Cosigned) != 2 {
		t.Errorf("%+v", s)
	}
}

func TestAFirstLogIsKnownByTheDirectoryAndNeverShown(t *testing.T) {
	r := newRig(t)
	rs, bg := r.members["RS"], r.members["BG"]
	rs.answer = func(*peerv1.CosignRequest) (*peerv1.CosignResponse, error) {
		return nil, status.Error(codes.NotFound, "no such log")
	}
	if s := bg.pass(); len(s.Cosigned) != 1 || s.Cosigned[0] != "GR" || len(bg.shown) != 0 || len(rs.asked) != 1 {
		t.Errorf("%+v, shown to %v, asked %d times", s, bg.shown, len(rs.asked))
	}
}

func TestAMemberThatHasJustJoinedCosignsFromTheBeginning(t *testing.T) {
	r := newRig(t)
	bg, gr := r.members["BG"], r.members["GR"]
	bg.book = peers.New("BG", r.w.Directories[0])
	bg.watch.cfg.Peers = bg.book
	bg.book.Restore(r.w.Country("RS").Manifest)
	for range 3 {
		bg.log(&translog.Node{Event: translog.NodeStart, Program: "test"})
		if s := bg.pass(); len(s.Cosigned) != 1 || s.Cosigned[0] != "RS" || len(gr.asked) != 0 {
			t.Fatalf("%+v, asked %d times", s, len(gr.asked))
		}
	}
	// Its manifest comes, and it is heard of.
	bg.book.Restore(r.w.Country("GR").Manifest)
	bg.book.Hear("GR", time.Now().Add(time.Second))
	s := bg.pass()
	if len(s.Cosigned) != 2 || s.QuorumSize == 0 || len(gr.asked) != 1 || gr.asked[0].GetOldSize() != 0 || len(gr.asked[0].GetGenesis()) == 0 {
		t.Errorf("%+v, asked %v", s, gr.asked)
	}
	if w := gr.cosigned(bg); int64(w.GetSize()) != s.Size {
		t.Errorf("it cosigned %d of %d leaves", w.GetSize(), s.Size)
	}
}

func TestAPeerWithLessOfTheLogThanItCosignedIsShownThat(t *testing.T) {
	for name, epoch := range map[string]uint32{"a peer that was rolled back": 1, "a peer that has recovered": 2} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			bg, gr := r.members["BG"], r.members["GR"]
			for range 3 {
				bg.log(&translog.Node{Event: translog.NodeStart, Program: "test"})
			}
			first := bg.pass()
			if len(first.Cosigned) != 2 {
				t.Fatalf("%+v", first)
			}
			// GR loses all that it knows.
			time.Sleep(time.Until(time.Unix(int64(gr.cosigned(bg).GetTime())+1, 0)))
			gr = r.open("GR", epoch)
			bg.log(&translog.Node{Event: translog.NodeStart, Program: "test"})
			s := bg.pass()
			if len(gr.asked) < 2 || gr.asked[0].GetOldSize() != uint64(first.Size) || len(gr.asked[0].GetCosigned()) != 0 ||
				gr.asked[1].GetOldSize() != 0 || len(gr.asked[1].GetCosigned()) == 0 {
				t.Fatalf("asked %v", gr.asked)
			}
			known := gr.cosigned(bg)
			if epoch == 1 {
				// Its node ends with a RollbackError, and has cosigned nothing.
				if len(s.Cosigned) != 1 || known.GetSize() != 0 {
					t.Errorf("%+v, it knows %v", s, known)
				}
				_, err := gr.watch.Cosign(t.Context(), "BG", gr.asked[1])
				var found *RollbackError
				if !errors.As(err, &found) || found.Head.Size != first.Size {
					t.Errorf("shown what it had cosigned: %v", err)
				}
				return
			}
			if len(s.Cosigned) != 2 || int64(known.GetSize()) != s.Size || len(gr.asked) != 3 || gr.asked[2].GetOldSize() != uint64(first.Size) {
				t.Errorf("%+v, it knows %d leaves, asked %d times", s, known.GetSize(), len(gr.asked))
			}
		})
	}
}

func TestAPeerThatHoldsMoreOfTheLogThanThereIsGivesNoCosignature(t *testing.T) {
	r := newRig(t)
	bg, gr := r.members["BG"], r.members["GR"]
	gr.answer = func(*peerv1.CosignRequest) (*peerv1.CosignResponse, error) {
		return &peerv1.CosignResponse{HeldSize: 1000}, nil
	}
	if s := bg.pass(); len(s.Cosigned) != 1 || s.Cosigned[0] != "RS" || len(gr.asked) != 1 {
		t.Errorf("%+v, asked %d times", s, len(gr.asked))
	}
	// Nor does one that holds another size each time.
	n := uint64(0)
	gr.answer = func(*peerv1.CosignRequest) (*peerv1.CosignResponse, error) {
		n++
		return &peerv1.CosignResponse{HeldSize: n % 2}, nil
	}
	gr.asked = nil
	if s := bg.pass(); len(s.Cosigned) != 1 || len(gr.asked) != 3 {
		t.Errorf("%+v, asked %d times", s, len(gr.asked))
	}
}
