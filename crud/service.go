package crud

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"time"

	"ackbase/collections"
)

// Options of a Service. The zero value is good.
type Options struct {
	MaxAnswer        int           // bytes of one answer; 16 MB when 0
	MaxSnapshot      int           // items of a snapshot; 10,000 when 0
	MaxSubscriptions int           // of one session; 256 when 0
	MaxFilterBytes   int           // of memory that the filters of one session's subscriptions take; 2 MB when 0
	MaxPending       int           // requests of one session under way at once, over which Session.Do waits; 1,024 when 0
	MaxPendingBytes  int           // of such requests together; 2 MB when 0
	MaxPendingTotal  int           // of the writes of all sessions together; 64 MB when 0
	RequestRate      int           // requests a second of one session, and ten times as many at once; a million when 0
	RingBytes        int           // of recent changes kept in memory for those who are a little behind; 16 MB when 0
	Bookmark         time.Duration // after how long without an event a subscription's cursor is moved; a minute when 0
	Publish          []RoomPattern // rooms that clients may publish to; none when empty

	// Of sessions whose connection is lost, what they need to be recovered is kept for a time, of at most so
	// many, in at most so many bytes of the store; those that were used last stay.
	RecoverFor          time.Duration // 24 hours when 0; less: none are recovered
	MaxRecoverable      int           // 100,000 when 0
	MaxRecoverableBytes int64         // 256 MB when 0

	Logger *slog.Logger // slog.Default() when nil
}

// Service runs the verbs of one DB. All methods may be called concurrently.
type Service struct {
	db   *collections.DB
	opts Options
	log  *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine of the service

	viewer  collections.Viewer // the store, where it is one
	scans   chan struct{}      // a place for each list or snapshot that may run at the same time
	judging chan struct{}      // a place for each session that may match changes beside the hub
	hub     hub
	living  living
	pending flow // writes of all sessions
	epoch   time.Time
	counts  counts

	mu     sync.Mutex
	closed bool // no goroutine may be started any more
}

// New starts a Service on a DB, which it does not own. Close it before the DB's store.
func New(db *collections.DB, o *Options) *Service {
	s := &Service{db: db, epoch: time.Now()}
	if o != nil {
		s.opts = *o
	}
	setDefault(&s.opts.MaxAnswer, 16<<20)
	setDefault(&s.opts.MaxSnapshot, 10_000)
	setDefault(&s.opts.MaxSubscriptions, 256)
	setDefault(&s.opts.MaxFilterBytes, 2<<20)
	setDefault(&s.opts.MaxPending, defaultMaxPending)
	setDefault(&s.opts.MaxPendingBytes, defaultMaxPendingBytes)
	setDefault(&s.opts.MaxPendingTotal, defaultMaxPendingTotal)
	s.pending.maxRequests, s.pending.maxBytes = math.MaxInt, s.opts.MaxPendingTotal
	setDefault(&s.opts.RequestRate, defaultRequestRate)
	setDefault(&s.opts.RingBytes, 16<<20)
	if s.opts.Bookmark <= 0 {
		s.opts.Bookmark = time.Minute
	}
	if s.opts.RecoverFor == 0 {
		s.opts.RecoverFor = 24 * time.Hour
	}
	setDefault(&s.opts.MaxRecoverable, 100_000)
	if s.opts.MaxRecoverableBytes <= 0 {
		s.opts.MaxRecoverableBytes = 256 << 20
	}
	s.living.byPID = map[string]*Session{}
	s.log = s.opts.Logger
	if s.log == nil {
		s.log = slog.Default()
	}
	s.viewer, _ = db.Store().(collections.Viewer)
	s.scans = make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	s.judging = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.hub.init(db.Head(), s.opts.RingBytes)
	s.spawn(s.feed)
	s.spawn(s.bookmarks)
	if s.Recovers() {
		s.spawn(s.refresh)
	}
	return s
}

func setDefault(v *int, d int) {
	if *v <= 0 {
		*v = d
	}
}

// Close stops the delivery, waits until requests under way are answered, and
// returns when all goroutines of the service are gone. Later requests are answered UNAVAILABLE.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}

// begin counts a piece of work that Close waits for; false after Close.
func (s *Service) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// spawn runs fn on a goroutine that Close waits for; false after Close.
func (s *Service) spawn(fn func()) bool {
	if !s.begin() {
		return false
	}
	go func() {
		defer s.wg.Done()
		fn()
	}()
	return true
}

var errClosing = collections.Errorf(collections.ErrUnavailable, "the server is shutting down: try again in a moment")
