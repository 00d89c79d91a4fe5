package backbone

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rogatory/rogatory/node/transport"
)

// StreamOptions size the backbone's mailboxes. The zero value is useful.
type StreamOptions struct {
	// Replicas of each stream, 3 in a cluster. Default 1.
	Replicas int
	// FramesPerSender is how many frames of one sender one mailbox keeps; above it, publishing is refused with ErrFull. As frames have
	// at most MaxFrame bytes, it bounds bytes too, and no sender can take another's room. Default 512.
	FramesPerSender int64
	// InFlight is how many frames of one sender may be delivered and not yet acked. Default 64.
	InFlight int
}

// EnsureStreams creates or updates every country's mailbox, its consumers, and the statements' stream. It is the hub operator's act:
// js must belong to a user who may use the JetStream API. It never deletes anything, so that a country that has left keeps its
// mailbox until the operator removes it.
func EnsureStreams(ctx context.Context, js jetstream.JetStream, countries []string, o StreamOptions) error {
	if o.FramesPerSender <= 0 {
		o.FramesPerSender = 512
	}
	if o.InFlight <= 0 {
		o.InFlight = 64
	}
	for _, c := range countries {
		if err := transport.CheckCountry(c); err != nil {
			return err
		}
	}
	for _, to := range countries {
		if _, err := js.CreateOrUpdateStream(ctx, mailConfig(to, o)); err != nil {
			return fmt.Errorf("creating the mailbox of %s: %w", to, err)
		}
		for _, from := range countries {
			if from == to {
				continue
			}
			if _, err := js.CreateOrUpdateConsumer(ctx, mailStream(to), consumerConfig(to, from, o)); err != nil {
				return fmt.Errorf("creating the consumer of %s for %s: %w", to, from, err)
			}
		}
	}
	_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              statementsStream,
		Description:       "the last statement of each country and kind",
		Subjects:          []string{subjectPrefix + "all.*.*"},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardOld,
		MaxMsgsPerSubject: 1,
		MaxMsgSize:        transport.MaxStatement,
		Replicas:          max(o.Replicas, 1),
		AllowDirect:       true,
	})
	if err != nil {
		return fmt.Errorf("creating the statements' stream: %w", err)
	}
	return nil
}

func mailConfig(to string, o StreamOptions) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:                 mailStream(to),
		Description:          "mailbox of " + to,
		Subjects:             []string{subject(to, laneMail, "*")},
		Retention:            jetstream.WorkQueuePolicy,
		Storage:              jetstream.FileStorage,
		Discard:              jetstream.DiscardNew,
		DiscardNewPerSubject: true,
		MaxMsgsPerSubject:    o.FramesPerSender,
		MaxMsgSize:           transport.MaxFrame + 1024,
		Replicas:             max(o.Replicas, 1),
	}
}

func consumerConfig(to, from string, o StreamOptions) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:            from,
		FilterSubject:      subject(to, laneMail, from),
		AckPolicy:          jetstream.AckExplicitPolicy,
		AckWait:            transport.AckWait,
		MaxDeliver:         -1,
		MaxAckPending:      o.InFlight,
		MaxRequestBatch:    pullBatch,
		MaxRequestMaxBytes: transport.MaxReceive,
	}
}
