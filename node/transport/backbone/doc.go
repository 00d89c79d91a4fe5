// Package backbone joins a country to the backbone: NATS and JetStream. [Conn] is its transport.Net.
//
// # Subjects
//
//	rogatory.v1.<to>.mail.<from>     durable lane, kept by stream MAIL_<to>, consumer <from>
//	rogatory.v1.<to>.call.<from>     online lane, what a caller sends; and Send
//	rogatory.v1.<to>.reply.<from>    online lane, what a callee sends
//	rogatory.v1.all.<kind>.<from>    statements, kept by stream STATEMENTS
//	_INBOX_<own>.>                   answers of the backbone itself
//
// A country's user may publish only with its own code last and subscribe only with its own code in
// the place of <to> ([Permissions]), and each country has an account of its own, so that a reply subject gives it no rights either.
// The streams and consumers belong to the hub's operator ([EnsureStreams]); a country's user can neither create, change,
// list nor delete any.
package backbone
