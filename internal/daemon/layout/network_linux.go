package layout

import "syscall"

// networkFilesystems are those whose locks and shared memory cannot be relied
// on, by their magic numbers in linux/magic.h.
var networkFilesystems = map[uint32]string{
	0x6969: "NFS", 0x517B: "SMB", 0xFF534D42: "CIFS", 0xFE534D42: "SMB", 0x5346414F: "AFS", 0x00C36400: "Ceph", 0x47504653: "GPFS",
}

// network names the kind of network filesystem that a directory is on; empty: none.
func network(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return ""
	}
	return networkFilesystems[uint32(st.Type)] // its type differs by architecture
}
