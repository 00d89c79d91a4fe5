// Package attachment brings the attachments of messages from the country that sent them to the one that received them: ciphertexts, over the
// online lane, which their messages name by length and SHA-256.
//
// The recipient's [Puller] fetches what arrived messages list, in pieces that are flushed and committed one by one, so that a cut or a crash costs
// little. When all attachments of a message are here a `whole` leaf says so; its receipt tells the sender.
//
// The sender answers with [Send]. Each call is an `op` leaf, committed before the first byte leaves.
package attachment
