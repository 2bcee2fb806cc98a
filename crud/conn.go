package crud

import "context"

// Conn is one client's connection as the verbs see it. All methods may be
// called concurrently and none may block on the network.
type Conn interface {
	// ID names the connection among those of all processes.
	ID() string

	// Context ends with the connection, also while Session.Do runs for it.
	Context() context.Context

	// Wire encodes events for this connection. Connections that return equal
	// values share the encoded events.
	Wire() Wire

	// Send queues an event that Wire encoded. An error means that the
	// connection is gone or has been cut off. Where the Wire is a Flusher, the
	// event may stay until its next Flush.
	Send(Frame) error

	// Writable is false while so much waits to be sent that events should
	// stay in the log. After it has become true again, Session.Drained is to be called.
	Writable() bool

	// Close cuts the connection off, so that the client reconnects and resumes.
	Close(reason string)
}

// Waiter is a Conn of which what Session.Do sends stays until Do has returned. Do calls Wait
// where it has to wait for requests that are under way: what they answer must leave meanwhile.
type Waiter interface {
	Conn

	// Wait calls f, and lets leave what was sent and is sent until f returns.
	Wait(f func())
}

// Holder is a Conn that is to know what is held for it in memory beside what waits for it.
type Holder interface {
	Conn

	// Hold tells that so many bytes more are held, or less where it is negative.
	Hold(bytes int)
}

// Wire encodes events for one kind of connection. It is used as a map key.
type Wire interface {
	// Event encodes an event with one argument, given as JSON. It must not
	// keep the payload.
	Event(name string, payload []byte) Frame
}

// OffsetWire is a Wire whose clients come back with the offset of the event that they got last, see
// Service.Recover. Sessions that can be recovered need one.
type OffsetWire interface {
	Wire

	// EventAt is Event with one more argument behind the payload, the offset as a text.
	EventAt(name string, payload []byte, offset string) Frame
}

// Flusher is a Wire whose connections hold events back a moment, so that what
// goes to many leaves together.
type Flusher interface {
	Wire

	// Flush lets go what Send has queued on the connections of this wire. It
	// does not wait for it.
	Flush()
}

// ChangeWire is a Wire that encodes changes in a shape of its own. Event is then
// called for BOOKMARK alone, and may return nil to send nothing.
type ChangeWire interface {
	Wire

	// Change encodes a change for all who share this wire and a subscription. It
	// must not keep e.
	Change(e *Event) Frame
}

// PublishWire is a Wire whose connections take published events too, not those of changes alone.
type PublishWire interface {
	Wire

	// Publish encodes an event that a client publishes, with one argument. It must not keep
	// the payload.
	Publish(name string, payload []byte) Frame
}

// Frame is an encoded event: whatever the Wire makes and the Conn takes, shared
// by all connections of the kind and never modified.
type Frame any

// Reply carries the answer to one request back. Answer is called exactly
// once, from any goroutine; the bytes are JSON and valid until it returns.
// On success result and meta are set, on failure result is null and meta is nil.
type Reply interface {
	Answer(result, fault, meta []byte)
}

// PlacedReply is a Reply that wants to know where in the log the answer to a read
// stands, where its meta does not tell: a history, or that there is no such item. Stand comes before Answer.
type PlacedReply interface {
	Reply
	Stand(cursor string)
}
