package post

import (
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
)

// sealAll seals, on all cores, the messages whose recipients' day keys are known, and signs them with one signature per batch. A message
// that cannot be sealed carries its error.
func (o *Office) sealAll(messages []*numbered) error {
	o.spread(len(messages), func(i int) { messages[i].err = o.seal(messages[i]) })
	return o.sign(messages)
}

// seal seals a message to its recipient's key of the day, if one is published.
func (o *Office) seal(m *numbered) error {
	now := time.Now()
	day, ok := o.cfg.Peers.SealingKey(m.out.To, now)
	if !ok {
		return nil
	}
	var err error
	m.expires = day.Expires()
	m.sealed, err = envelope.Seal(envelope.Attempt{
		Message: m.bytes,
		Docket:  m.out.Docket, Content: m.out.Content,
		Key: day.Key, From: o.cfg.Identity().KID(),
		ManifestVersion: day.ManifestVersion, ManifestDigest: day.ManifestDigest,
		Now: now, Life: day.Expires().Sub(now),
	})
	return err
}

// sign signs what was sealed, in batches.
func (o *Office) sign(messages []*numbered) error {
	sealed := slices.DeleteFunc(slices.Clone(messages), func(m *numbered) bool { return m.sealed == nil })
	for of := range slices.Chunk(sealed, envelope.MaxBatch) {
		batch := make([]*envelope.Sealed, len(of))
		for i, m := range of {
			batch[i] = m.sealed
		}
		signed, err := envelope.SignBatch(o.cfg.Identity(), batch)
		if err != nil {
			return fmt.Errorf("signing: %w", err)
		}
		for i, s := range signed {
			of[i].signed = s
		}
	}
	return nil
}
