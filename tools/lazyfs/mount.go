//go:build linux

package main

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// mount shows a disk at a directory. Only root may, and needs no other program for it.
func mount(d *disk, dir string) (*fuse.Server, error) {
	forever := time.Hour // nobody changes anything behind the kernel's back
	return fs.Mount(dir, &entry{disk: d, node: d.root}, &fs.Options{
		EntryTimeout: &forever, AttrTimeout: &forever, NullPermissions: true,
		RootStableAttr: &fs.StableAttr{Mode: syscall.S_IFDIR, Ino: d.root.number},
		MountOptions: fuse.MountOptions{
			// Services have users of their own; the kernel looks at permissions.
			AllowOther: true, Options: []string{"default_permissions"},
			DirectMountStrict: true, DisableXAttrs: true, MaxWrite: 1 << 20, FsName: "lazyfs", Name: "lazyfs",
		},
	})
}

// entry is a node of a disk as the kernel knows it.
type entry struct {
	fs.Inode
	disk *disk
	node *node
}

var (
	_ fs.NodeGetattrer  = (*entry)(nil)
	_ fs.NodeSetattrer  = (*entry)(nil)
	_ fs.NodeLookuper   = (*entry)(nil)
	_ fs.NodeReaddirer  = (*entry)(nil)
	_ fs.NodeMkdirer    = (*entry)(nil)
	_ fs.NodeCreater    = (*entry)(nil)
	_ fs.NodeMknoder    = (*entry)(nil)
	_ fs.NodeSymlinker  = (*entry)(nil)
	_ fs.NodeReadlinker = (*entry)(nil)
	_ fs.NodeUnlinker   = (*entry)(nil)
	_ fs.NodeRmdirer    = (*entry)(nil)
	_ fs.NodeRenamer    = (*entry)(nil)
	_ fs.NodeOpener     = (*entry)(nil)
	_ fs.NodeReader     = (*entry)(nil)
	_ fs.NodeWriter     = (*entry)(nil)
	_ fs.NodeFsyncer    = (*entry)(nil)
	_ fs.NodeStatfser   = (*entry)(nil)
)

func (e *entry) fill(n *node, to *fuse.Attr) {
	a, size := e.disk.attr(n)
	to.Ino, to.Mode, to.Size, to.Nlink = n.number, a.mode, uint64(size), 1
	to.Uid, to.Gid = a.uid, a.gid
	to.Blocks, to.Blksize = (to.Size+sector-1)/sector, 4096
	to.SetTimes(&a.changed, &a.changed, &a.changed)
}

func (e *entry) child(ctx context.Context, n *node, out *fuse.EntryOut) *fs.Inode {
	e.fill(n, &out.Attr)
	a, _ := e.disk.attr(n)
	return e.NewInode(ctx, &entry{disk: e.disk, node: n}, fs.StableAttr{Mode: a.mode & syscall.S_IFMT, Ino: n.number})
}

// Getattr implements fs.NodeGetattrer.
func (e *entry) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	e.fill(e.node, &out.Attr)
	return 0
}

// Setattr implements fs.NodeSetattrer.
func (e *entry) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		e.disk.truncate(e.node, int64(size))
	}
	e.disk.setAttr(e.node, func(a *attr) {
		if mode, ok := in.GetMode(); ok {
			a.mode = a.mode&syscall.S_IFMT | mode&0o7777
		}
		if uid, ok := in.GetUID(); ok {
			a.uid = uid
		}
		if gid, ok := in.GetGID(); ok {
			a.gid = gid
		}
		if at, ok := in.GetMTime(); ok {
			a.changed = at
		}
	})
	e.fill(e.node, &out.Attr)
	return 0
}

// Lookup implements fs.NodeLookuper.
func (e *entry) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n := e.disk.lookup(e.node, name)
	if n == nil {
		return nil, syscall.ENOENT
	}
	return e.child(ctx, n, out), 0
}

// Readdir implements fs.NodeReaddirer.
func (e *entry) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	names, nodes := e.disk.list(e.node)
	list := make([]fuse.DirEntry, len(names))
	for i, n := range nodes {
		a, _ := e.disk.attr(n)
		list[i] = fuse.DirEntry{Name: names[i], Mode: a.mode & syscall.S_IFMT, Ino: n.number}
	}
	return fs.NewListDirStream(list), 0
}

func (e *entry) make(ctx context.Context, name string, mode uint32, link string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	a := attr{mode: mode}
	if caller, ok := fuse.FromContext(ctx); ok {
		a.uid, a.gid = caller.Uid, caller.Gid
	}
	n, errno := e.disk.create(e.node, name, a, link)
	if errno != 0 {
		return nil, errno
	}
	return e.child(ctx, n, out), 0
}

// Mkdir implements fs.NodeMkdirer.
func (e *entry) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return e.make(ctx, name, syscall.S_IFDIR|mode&0o7777, "", out)
}

// Mknod implements fs.NodeMknoder.
func (e *entry) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return e.make(ctx, name, mode, "", out)
}

// Symlink implements fs.NodeSymlinker.
func (e *entry) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return e.make(ctx, name, syscall.S_IFLNK|0o777, target, out)
}

// Create implements fs.NodeCreater.
func (e *entry) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	i, errno := e.make(ctx, name, syscall.S_IFREG|mode&0o7777, "", out)
	return i, nil, fuse.FOPEN_KEEP_CACHE, errno
}

// Readlink implements fs.NodeReadlinker.
func (e *entry) Readlink(context.Context) ([]byte, syscall.Errno) {
	return e.disk.read(e.node, make([]byte, 4096), 0), 0
}

// Unlink implements fs.NodeUnlinker.
func (e *entry) Unlink(_ context.Context, name string) syscall.Errno {
	return e.disk.remove(e.node, name)
}

// Rmdir implements fs.NodeRmdirer.
func (e *entry) Rmdir(_ context.Context, name string) syscall.Errno {
	return e.disk.remove(e.node, name)
}

// Rename implements fs.NodeRenamer.
func (e *entry) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	dir, ok := to.(*entry)
	if !ok || flags != 0 {
		return syscall.EINVAL
	}
	return e.disk.rename(place{e.node, name}, place{dir.node, newName})
}

// Open implements fs.NodeOpener. The kernel keeps what it has of a file: programs
// that have mapped it see each other's writes.
func (e *entry) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_TRUNC != 0 {
		e.disk.truncate(e.node, 0)
	}
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read implements fs.NodeReader.
func (e *entry) Read(_ context.Context, _ fs.FileHandle, to []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultData(e.disk.read(e.node, to, at)), 0
}

// Write implements fs.NodeWriter.
func (e *entry) Write(_ context.Context, _ fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	e.disk.write(e.node, data, at)
	return uint32(len(data)), 0
}

// Fsync implements fs.NodeFsyncer, for files and directories.
func (e *entry) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return e.disk.sync(e.node)
}

// Statfs implements fs.NodeStatfser: there is always room.
func (e *entry) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	const blocks = 1 << 20
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Blocks, out.Bfree, out.Bavail = blocks, blocks, blocks
	out.Files, out.Ffree = blocks, blocks
	return 0
}
