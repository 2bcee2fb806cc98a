package admission

import (
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// Options are the bounds. A nil *Options and the zero value are both good for
// the open internet; a field that is zero takes its default.
type Options struct {
	// MaxSessions is the most sessions at the same time, and half of the most
	// TCP connections that are not, or not yet, WebSockets. Default 20,000.
	MaxSessions int
	// MaxSessionsPerAddress is the same for one address. The default, 2,000, has room
	// for the 500 people of an office with a few tabs each behind one address.
	MaxSessionsPerAddress int
	// MaxConns is the most TCP connections that are not WebSockets together with the sessions, as
	// where the system bounds how many files may be open. 0 is no bound beside the others.
	MaxConns int
	// HandshakeRate is how many sessions may be opened a second, in the long
	// run; ten times as many may come at once. Default 2,000.
	HandshakeRate int
	// HandshakeRatePerAddress is the same for one address. Default 100.
	HandshakeRatePerAddress int
	// RequestRatePerAddress is how many requests of no session one address may send a second, as of
	// those over plain HTTP, in the long run; ten times as many may come at once. Default 1,000,000, which
	// is more than is answered.
	RequestRatePerAddress int
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
}

// A Refusal is why somebody may not come in.
type Refusal int

const (
	Admitted               Refusal = iota // no refusal
	Full                                  // MaxSessions
	AddressFull                           // MaxSessionsPerAddress
	Hurried                               // HandshakeRate
	AddressHurried                        // HandshakeRatePerAddress
	ConnectionsFull                       // twice MaxSessions TCP connections, or MaxConns
	AddressConnectionsFull                // twice MaxSessionsPerAddress TCP connections
	refusals
)

// String names the refusal in one word, for logs and metrics.
func (r Refusal) String() string {
	return [refusals]string{
		"", "sessions", "sessions_of_address", "rate", "rate_of_address", "connections", "connections_of_address",
	}[r]
}

// Message is a sentence for the client.
func (r Refusal) Message() string {
	return [refusals]string{
		Full:           "Too many connections, try again later",
		AddressFull:    "Too many connections from this address",
		Hurried:        "Too many new connections, try again later",
		AddressHurried: "Too many new connections from this address",
	}[r]
}

// Status is the HTTP status of the same meaning: 429 where the client's own
// address has too much, 503 where all have.
func (r Refusal) Status() int {
	if r == AddressFull || r == AddressHurried {
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// RetryAfter is after how many seconds it makes sense to try again.
func (r Refusal) RetryAfter() int {
	if r == Full || r == AddressFull {
		return 5
	}
	return 1
}

// Limits counts who is in and lets in who may. All methods may be called
// concurrently.
type Limits struct {
	options Options
	all     *rate.Limiter
	refused [refusals]atomic.Uint64

	mu        sync.Mutex
	sessions  int
	conns     int // TCP connections that are no WebSockets
	addresses map[netip.Addr]*address
	sweepAt   int // the number of addresses at which those without use are dropped
}

// address is what is known of one address.
type address struct {
	sessions int
	conns    int
	rate     *rate.Limiter // nil while it has opened no session
	requests *rate.Limiter // nil while it has sent no request of no session
}

// leastSweep is the number of addresses that are kept without a look at their use.
const leastSweep = 1024

// New makes Limits. The options may be nil and are copied.
func New(o *Options) *Limits {
	l := &Limits{addresses: make(map[netip.Addr]*address), sweepAt: leastSweep}
	if o != nil {
		l.options = *o
	}
	setDefault(&l.options.MaxSessions, 20_000)
	setDefault(&l.options.MaxSessionsPerAddress, 2_000)
	setDefault(&l.options.HandshakeRate, 2_000)
	setDefault(&l.options.HandshakeRatePerAddress, 100)
	setDefault(&l.options.RequestRatePerAddress, 1_000_000)
	l.all = newLimiter(l.options.HandshakeRate)
	return l
}

func setDefault(field *int, value int) {
	if *field <= 0 {
		*field = value
	}
}

// burst is how many seconds' worth of a rate may come at once: all clients come
// back at once after a restart of the server.
const burst = 10

func newLimiter(perSecond int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), burst*perSecond)
}

// A Place is that of one session.
type Place struct {
	limits *Limits
	of     netip.Addr // the address that it counts for; the zero Addr for none
}

// Enter asks for a place for a new session, which r wants to open. Where it is
// Admitted the place must be left once, else there is none.
func (l *Limits) Enter(r *http.Request) (Place, Refusal) {
	client, bounded := l.client(r)
	p := Place{limits: l}
	if bounded {
		p.of = group(client)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	refusal := l.enter(p.of)
	if refusal != Admitted {
		l.refused[refusal].Add(1)
		return Place{}, refusal
	}
	return p, Admitted
}

// enter takes a place. An address is remembered only when it is let in, so that
// the rate in all bounds how many there are. (One that sends requests is forgotten as
// soon as it may send as many again as it could before.)
func (l *Limits) enter(of netip.Addr) Refusal {
	a := l.addresses[of]
	if a != nil {
		if a.sessions >= l.options.MaxSessionsPerAddress {
			return AddressFull
		}
		if a.rate != nil && a.rate.Tokens() < 1 {
			return AddressHurried
		}
	}
	if l.sessions >= l.options.MaxSessions {
		return Full
	}
	if !l.all.Allow() {
		return Hurried
	}
	l.sessions++
	if of.IsValid() {
		a = l.address(of)
		a.sessions++
		if a.rate == nil {
			a.rate = newLimiter(l.options.HandshakeRatePerAddress)
		}
		a.rate.Allow()
	}
	return Admitted
}

// address gives the entry of an address, which is made where there is none.
func (l *Limits) address(of netip.Addr) *address {
	a := l.addresses[of]
	if a != nil {
		return a
	}
	if len(l.addresses) >= l.sweepAt {
		for key, a := range l.addresses {
			if a.idle() {
				delete(l.addresses, key)
			}
		}
		l.sweepAt = max(leastSweep, 2*len(l.addresses))
	}
	a = &address{}
	l.addresses[of] = a
	return a
}

// idle tells whether forgetting the address changes nothing.
func (a *address) idle() bool {
	return a.sessions == 0 && a.conns == 0 && isFull(a.rate) && isFull(a.requests)
}

// isFull tells whether all that may come at once may come now.
func isFull(l *rate.Limiter) bool { return l == nil || l.Tokens() >= float64(l.Burst()) }

// Address is the address, or the /64 of IPv6, that the place counts for. It is the
// zero Addr where it counts for none.
func (p Place) Address() netip.Addr { return p.of }

// Leave gives the place back. On the zero Place it does nothing.
func (p Place) Leave() {
	if p.limits == nil {
		return
	}
	p.limits.mu.Lock()
	defer p.limits.mu.Unlock()
	p.limits.sessions--
	if a := p.limits.addresses[p.of]; a != nil {
		a.sessions--
	}
}

// Refused tells how often each refusal has happened, by its name.
func (l *Limits) Refused() map[string]uint64 {
	counts := make(map[string]uint64, refusals-1)
	for r := Admitted + 1; r < refusals; r++ {
		counts[r.String()] = l.refused[r].Load()
	}
	return counts
}
