package crud

import (
	"context"
	"errors"
	"slices"
	"time"

	"ackbase/collections"
)

// Identity is who a session is, across its connections.
type Identity struct {
	PID     string // the secret by which its client names it; empty where it cannot be recovered
	Scope   string // where the client has its connection: a session of one scope is not recovered in another
	Subject string // whom its token names
}

// Recovers tells whether sessions can be recovered.
func (s *Service) Recovers() bool { return s.opts.RecoverFor > 0 }

// OpenRecoverable is Open for a client that may come back after its connection was lost: see Recover.
// Its Wire must be an OffsetWire.
func (s *Service) OpenRecoverable(conn Conn, identity Identity) *Session {
	c := s.Open(conn)
	if s.Recovers() && identity.PID != "" {
		c.identity, c.marks = identity, true
	}
	return c
}

// Earlier is what a session had on its last connection.
type Earlier struct {
	ID    string   // of the connection
	Rooms []string // that the program had put it into, see RoomsConn
}

// Find tells what Recover would bring back. It changes nothing, not for a connection of the session either that is still
// open: so it can be asked on behalf of a client that is not let in yet. What Recover finds then may be something else.
func (s *Service) Find(conn Conn, identity Identity, last *string) (Earlier, error) {
	if !s.begin() {
		return Earlier{}, errClosing
	}
	defer s.wg.Done()
	told, err := s.toldBy(last)
	var r *record
	if err == nil {
		r, err = s.readRecord(conn.Context(), identity)
	}
	if err == nil {
		_, err = s.due(conn.Wire(), r, told)
	}
	if err != nil {
		return Earlier{}, s.notRecovered(conn, err)
	}
	return Earlier{r.id, r.rooms}, nil
}

// Recover brings a session back on another connection: with the subscriptions that it had, from where its client stood. The
// client names its pid and the offset of the event that it got last, nil where it got none.
// What follows from there is due to it, in the order of the log, as if the connection had only been slow;
// nothing is delivered before Session.Start. A connection of the session that is still open is closed first.
// From then on conn's ID is to be that of the connection before; when it is in the same rooms, Session.Moved is to be called. The session is nil where
// it cannot be recovered, with the reason: there is none of that pid, or it is not known any more, the offset
// is not from here, or what follows it is not in the log any more, or it was within a replay.
// It may block until the connection's context ends.
func (s *Service) Recover(conn Conn, identity Identity, last *string) (*Session, Earlier, error) {
	if !s.begin() {
		return nil, Earlier{}, errClosing
	}
	defer s.wg.Done()
	told, err := s.toldBy(last)
	if err != nil {
		return nil, Earlier{}, s.notRecovered(conn, err)
	}
	c := s.OpenRecoverable(conn, identity)
	if !c.recoverable() {
		return nil, Earlier{}, errNotKept
	}
	c.kept = newKept()
	c.subscribed.Store(true) // so that its Close ends all that begins here
	var r *record
	if err = s.takeOver(c); err == nil {
		if r, err = s.readRecord(conn.Context(), identity); err == nil {
			err = s.restore(c, r, told)
		}
	}
	if err != nil {
		c.Close()
		return nil, Earlier{}, s.notRecovered(conn, err)
	}
	return c, Earlier{r.id, slices.Clone(r.rooms)}, nil
}

// toldBy is up to where a client was told everything that names an offset, or none.
func (s *Service) toldBy(last *string) (told offset, err error) {
	if last == nil {
		return offset{}, nil // before everything
	}
	if told, err = parseOffset(*last); err != nil || told.position.Epoch != s.db.Head().Epoch {
		return offset{}, errForeign
	}
	return told, nil
}

// notRecovered is the reason for which a session is not recovered.
func (s *Service) notRecovered(conn Conn, err error) error {
	if s.ctx.Err() != nil {
		err = errClosing // whatever it was: another process may succeed
	}
	s.log.Debug("a session is not recovered", "conn", conn.ID(), "err", err)
	return err
}

// Temporary tells of an error of Recover whether the same may succeed in a moment: the server is shutting
// down, as before a restart, or the store cannot be read.
func Temporary(err error) bool { return errors.Is(err, collections.ErrUnavailable) }

// Start begins the delivery to a session that was recovered.
func (c *Session) Start() {
	c.kept.starting.Store(false)
	h := &c.service.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	c.held--
	c.service.resume(c)
}

var (
	errNotKept    = errors.New("no such session is kept")
	errElsewhere  = errors.New("the session is another client's")
	errForeign    = errors.New("the offset is not from here")
	errInReplay   = errors.New("the connection was lost during a replay")
	errInSnapshot = errors.New("the connection was lost while a snapshot was to take the place of events")
	errNoLongerIn = errors.New("a subscription is not possible any more")
)

// takeOver makes c the session of its pid, after the one that still seems open has ended.
func (s *Service) takeOver(c *Session) error {
	for {
		old, err := s.living.claim(c)
		if old == nil || err != nil {
			return err
		}
		old.conn.Close("taken over by a new connection")
		old.Close()
		select {
		case <-old.kept.ended:
		case <-c.conn.Context().Done():
			return c.conn.Context().Err()
		case <-s.ctx.Done():
			return errClosing
		}
	}
}

// claim makes c the session of its pid, unless there is another, which it returns.
func (l *living) claim(c *Session) (old *Session, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old = l.byPID[c.identity.PID]; old == nil {
		l.byPID[c.identity.PID] = c
		return nil, nil
	}
	if old.identity != c.identity {
		return nil, errElsewhere
	}
	return old, nil
}

// readRecord reads what is kept of a session.
func (s *Service) readRecord(ctx context.Context, identity Identity) (r *record, err error) {
	var raw string
	read := func() error {
		done := make(chan error, 1)
		s.db.Store().Update(ctx, collections.Writer{}, func(tx collections.Tx) error {
			b, err := tx.GetRecord(recordKind, identity.PID)
			raw = string(b)
			return err
		}, func(err error) { done <- err })
		return <-done
	}
	err = read()
	// On a full disk the writes of others fail, and what is read in their commit with them. By itself it succeeds.
	for pause := time.Millisecond; errors.Is(err, collections.ErrUnavailable) && ctx.Err() == nil && s.ctx.Err() == nil && pause < time.Second; pause *= 2 {
		select {
		case <-time.After(pause):
			err = read()
		case <-ctx.Done():
		case <-s.ctx.Done():
		}
	}
	switch {
	case errors.Is(err, collections.ErrNotFound):
		return nil, errNotKept
	case err != nil:
		return nil, err
	}
	if r, err = decodeRecord([]byte(raw)); err != nil {
		return nil, err
	}
	if r.scope != identity.Scope || r.subject != identity.Subject {
		return nil, errElsewhere
	}
	return r, nil
}

// restore gives a session the subscriptions of a record. Nothing is delivered until its Start.
func (s *Service) restore(c *Session, r *record, told offset) error {
	due, err := s.due(c.conn.Wire(), r, told)
	if err != nil {
		return err
	}
	c.keepJoined(r.rooms, false)
	c.kept.starting.Store(true)
	c.kept.recorded.Store(true)
	if r.issued > 0 {
		c.kept.issued, c.kept.joined = r.issued, r.issued
		c.numbered = r.numbered()
	}

	h := &s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.closed.Load() {
		return errEnded
	}
	for _, sub := range due.subscribers {
		h.join(c, sub.collection, sub.id, sub.filter, sub.form).start = sub.from.Seq
	}
	c.behind, c.position = true, due.from
	c.held++
	h.behind++
	c.lagging.Store(true)
	s.counts.recovered.Add(1)
	return nil
}

// subscriber is a subscription that is to be joined again.
type subscriber struct {
	collection string
	id         collections.ID
	filter     *collections.Filter
	form       form
	from       collections.Position // events after it are due
}

// due is what is due to a client that comes back.
type due struct {
	subscribers []subscriber
	from        collections.Position // from where its session catches up with all of them
}

// due tells what is due to a client that was told everything up to an offset: the subscriptions of a record, asking again whether
// the session may have them, and from where on each.
func (s *Service) due(wire Wire, r *record, told offset) (d due, err error) {
	if len(r.entries) == 0 {
		return d, errNotKept
	}
	if r.mayBeReplaying(told) {
		return d, errInReplay
	}
	epoch := s.db.Head().Epoch
	checked := map[collections.Position]bool{}
	var of []string
	for i, e := range r.entries {
		sub, err := s.readmit(e)
		if err == nil {
			err = s.replacedNothing(r, e, sub.collection, told)
		}
		if err != nil {
			return d, err
		}
		sub.form = form{wire: wire, patch: e.patch}
		// The offset may be one of an earlier session of the client.
		if sub.from = e.start.in(epoch); told.position.Seq > sub.from.Seq {
			sub.from = told.position
		}
		if !checked[sub.from] {
			checked[sub.from] = true
			if err := s.reachesBack(sub.from, sub.collection); err != nil {
				return d, err
			}
		}
		if i == 0 || sub.from.Seq < d.from.Seq {
			d.from = sub.from
		}
		d.subscribers, of = append(d.subscribers, sub), append(of, sub.collection)
	}
	return d, s.reachesBack(d.from, of...)
}

// readmit asks again whether the session may have a subscription that it had.
func (s *Service) readmit(e entry) (sub subscriber, err error) {
	if sub.collection, sub.id, sub.filter, err = roomTarget(e.room); err == nil {
		err = s.db.CheckCollection(sub.collection)
	}
	if err != nil {
		return sub, errors.Join(errNoLongerIn, err)
	}
	return sub, nil
}

// replacedNothing tells whether the snapshot of a subscription to a collection has come to a client that was told everything up to
// an offset, or else none of the events that it took the place of was on its way. A collection with many changes in between is
// taken for one with such an event.
func (s *Service) replacedNothing(r *record, e entry, collection string, told offset) error {
	if e.snapshot == 0 || r.shows(told, e.snapshot) {
		return nil
	}
	from := e.held.in(s.db.Head().Epoch)
	if told.position.Seq > from.Seq {
		from = told.position
	}
	if from.Seq >= e.start.seq {
		return nil
	}
	if err := s.reachesBack(from, collection); err != nil {
		return err
	}
	changes, err := s.changes(from, feedPiece, collection)
	if err != nil {
		return err
	}
	for _, change := range changes {
		if change.Position.Seq <= e.start.seq && change.Collection == collection {
			break
		}
		if change.Position.Seq >= e.start.seq {
			return nil
		}
	}
	return errInSnapshot
}
