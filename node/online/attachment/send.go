package attachment

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// chunkSize is what one part of a stream carries: with its part and docket it fills the padding to 256 KiB.
const chunkSize = 255 << 10

// Send streams the ciphertext of an attachment to the country that a message of ours which lists it was sent to, the caller. What a peer may not
// have is not there for it.
func Send(st *store.Store, caller string, r *peerv1.AttachmentRequest, out grpc.ServerStreamingServer[peerv1.AttachmentResponse]) error {
	of, length, err := listed(st, caller, r)
	if err != nil {
		return err
	}
	f, err := os.Open(st.BlobPath(r.GetId()))
	if errors.Is(err, os.ErrNotExist) {
		return errNotHere
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if r.GetOffset() >= length {
		return status.Errorf(codes.OutOfRange, "the attachment has %d bytes", length)
	}
	// Disclosed from here on: the log says so first.
	_, err = st.Update(out.Context(), func(tx *store.Tx) error {
		_, err := tx.Append(&translog.Op{
			Verb: translog.Disclose, Who: "node", Why: "attachment", Basis: basis(&tx.Reader, of), Case: of.GetCaseToken(),
			Of: []translog.Hash{translog.Hash(of.GetMsg())}, OfCount: 1, Recipient: caller,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("logging that %s reads an attachment: %w", caller, err)
	}
	piece := io.NewSectionReader(f, int64(r.GetOffset()), int64(length-r.GetOffset()))
	buffer := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(piece, buffer)
		if n > 0 {
			if err := out.Send(&peerv1.AttachmentResponse{Chunk: buffer[:n]}); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return fmt.Errorf("reading an attachment for %s: %w", caller, err)
		}
	}
}

var errNotHere = status.Error(codes.NotFound, "no such attachment of a message to you")

// listed returns where the message that the caller names lists the attachment, and the ciphertext's length.
func listed(st *store.Store, caller string, r *peerv1.AttachmentRequest) (of *storev1.AttachmentCopy, length uint64, err error) {
	if len(r.GetId()) != 16 || len(r.GetMsg()) != 32 {
		return nil, 0, errNotHere
	}
	var a *storev1.Attachment
	err = st.View(func(rd *store.Reader) (err error) {
		a, err = rd.Attachment(r.GetId())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, errNotHere
	}
	if err != nil {
		return nil, 0, err
	}
	for _, c := range a.GetCopies() {
		if a.GetOutgoing() && c.GetPeer() == caller && string(c.GetMsg()) == string(r.GetMsg()) && c.GetCaseToken() == r.GetCaseToken() {
			return c, a.GetLength(), nil
		}
	}
	return nil, 0, errNotHere
}

// basis returns the legal instrument of the message, as the docket names it; "none" when the docket has expired.
func basis(r *store.Reader, of *storev1.AttachmentCopy) string {
	m, err := r.Message(int64(of.GetLeafIndex()))
	if err != nil {
		return "none"
	}
	docket := new(rogatoryv1.Docket)
	if err := envelope.StrictUnmarshal(m.GetDocket(), docket, envelope.MaxInner); err != nil || docket.GetRegime() == 0 {
		return "none"
	}
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(docket.GetRegime().String(), "REGIME_"), "_", "-"))
}
