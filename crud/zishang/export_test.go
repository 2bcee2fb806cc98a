package zishang

// Kept is the number of connections and of members that are kept.
func Kept() (connections, members int) {
	conns.Range(func(_, c any) bool {
		connections++
		c.(*conn).mu.Lock()
		defer c.(*conn).mu.Unlock()
		members += len(c.(*conn).members)
		return true
	})
	return connections, members
}
