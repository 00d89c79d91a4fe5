//go:build !unix

package archive

// openFlags are none where opening does not wait.
const openFlags = 0
