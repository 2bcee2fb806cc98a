package engine

// Handler gets what happens to one session.
//
// Message, BatchEnd and Closed are never called at the same time, and Closed is
// the last of them. They must not block: they run on the goroutine that reads
// the session. Where one has to wait, it does so in Session.Wait. A panic in any of the methods is logged and closes the session.
type Handler interface {
	// Message is one message from the client, in the order in which they were
	// sent. data is valid until Message returns and may be changed. Text is
	// valid UTF-8.
	Message(s *Session, data []byte, binary bool)
	// BatchEnd comes when all messages that had arrived together were handled
	// (the frames in the read buffer, or the packets of one polling body),
	// right before everything sent meanwhile goes out in one write.
	BatchEnd(s *Session)
	// Drained comes after Session.Writable was false and less than half of
	// Options.HighWater is left waiting. It runs on a goroutine that writes,
	// possibly at the same time as the other methods.
	Drained(s *Session)
	// Closed comes exactly once, on a goroutine of its own or the reading one,
	// never within a call of Send or Close. The reason is worded as the
	// official server words it: one of the Reason constants, or what was given
	// to Session.Close.
	Closed(s *Session, reason string)
}

// Opener is what a Handler can be in addition: Opened comes before the first of
// its other methods, once accept has returned. What it sends follows the OPEN
// packet, and what accept has sent.
type Opener interface {
	Opened(s *Session)
}

// Why a session closed, as Handler.Closed gets it.
const (
	ReasonTransportClose = "transport close"      // the client closed it, or its connection broke
	ReasonTransportError = "transport error"      // the client broke the rules of the transport, or a response failed
	ReasonPingTimeout    = "ping timeout"         // no pong came in time
	ReasonParseError     = "parse error"          // something that is no packet
	ReasonForcedClose    = "forced close"         // the server's program closed it
	ReasonTooSlow        = "too slow"             // more than Options.MaxBuffered waited
	ReasonStalled        = "stalled"              // nothing was taken for Options.StallTimeout
	ReasonOverload       = "server overloaded"    // Server.Relieve
	ReasonShutdown       = "server shutting down" // Server.Shutdown
)
