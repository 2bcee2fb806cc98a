package settings

import "fmt"

// ownFiles is how many files the server may have open beside its connections.
const ownFiles = 100

// FitFiles sees that --max-connections is within what the system lets the process have open, and returns how many
// TCP connections that leaves; 0 for any number. The default is lowered, what somebody has chosen is refused.
func (s *Settings) FitFiles(files int) (maxConns int, lowered bool, err error) {
	if files == 0 {
		return 0, false, nil
	}
	maxConns = files - ownFiles
	switch {
	case maxConns <= 0:
		return 0, false, fmt.Errorf("this process may have %d files open, and needs %d beside its connections: raise the limit (ulimit -n, or LimitNOFILE of systemd)", files, ownFiles)
	case int(s.MaxConnections) <= maxConns:
	case s.MaxConnections != defaultMaxConnections:
		return 0, false, fmt.Errorf("--max-connections: this process may have %d files open, which is room for %d connections, not for %d: raise the limit (ulimit -n, or LimitNOFILE of systemd), or set fewer", files, maxConns, s.MaxConnections)
	default:
		s.MaxConnections, lowered = Count(maxConns), true
	}
	return maxConns, lowered, nil
}

// defaultMaxConnections is that of --max-connections.
const defaultMaxConnections = 20_000
