package settings

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes that is written as 2MB, 512 KB or 65536.
type Size int64

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (s *Size) UnmarshalText(text []byte) error {
	number := strings.ToUpper(strings.TrimSpace(string(text)))
	shift := 0
	for i, unit := range []string{"KB", "MB", "GB"} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, shift = strings.TrimSpace(rest), 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(number, "B"), 10, 64)
	if err != nil || n < 0 || n > 1<<40>>shift {
		return fmt.Errorf("%q is no size: write bytes, or a whole number of KB, MB or GB, such as 65536, 512KB or 2MB", text)
	}
	if n == 0 {
		return errZero
	}
	*s = Size(n << shift)
	return nil
}

// Duration is a time.Duration whose error says what would be right.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%q is no duration: write a number with its unit, such as 500ms, 25s or 1m30s", text)
	}
	if v <= 0 {
		return errZero
	}
	*d = Duration(v)
	return nil
}

// Optional is a duration that may be 0, for nothing at all.
type Optional Duration

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (o *Optional) UnmarshalText(text []byte) error {
	err := (*Duration)(o).UnmarshalText(text)
	if v, bad := time.ParseDuration(strings.TrimSpace(string(text))); bad == nil && v == 0 {
		*o = 0
		return nil
	}
	if errors.Is(err, errZero) {
		return errors.New("it must be more than zero, or 0 for off")
	}
	return err
}

// orOff is the duration as options take it that have a default for 0.
func (o Optional) orOff() time.Duration {
	if o == 0 {
		return -1
	}
	return time.Duration(o)
}

// Count is a number of things, 1 or more.
type Count int

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (c *Count) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n > math.MaxInt32 {
		return fmt.Errorf("%q is no number: write a whole one, such as 256", text)
	}
	if n <= 0 {
		return errZero
	}
	*c = Count(n)
	return nil
}

// Network is a range of addresses, or one.
type Network netip.Prefix

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (n *Network) UnmarshalText(text []byte) error {
	cidr := strings.TrimSpace(string(text))
	if a, err := netip.ParseAddr(cidr); err == nil && a.Zone() == "" {
		*n = Network(netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("%q is no range of addresses: write an address or a CIDR range, such as 10.0.0.7 or 10.0.0.0/8", text)
	}
	*n = Network(p)
	return nil
}

func prefixes(networks []Network) []netip.Prefix {
	list := make([]netip.Prefix, len(networks))
	for i, n := range networks {
		list[i] = netip.Prefix(n)
	}
	return list
}

var errZero = errors.New("it must be more than zero")
