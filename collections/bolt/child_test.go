package bolt

func child() bool { return false }
