//go:build !unix

package engine

import "net"

// readiness reads from a connection. Where the system cannot tell whether there
// is something to read, a small buffer is held while waiting.
type readiness struct{}

func (*readiness) init(net.Conn) {}

func (*readiness) read(conn net.Conn, size int) (*buffer, error) { return readHolding(conn, size) }
