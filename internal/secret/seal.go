package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"os"

	"github.com/banyanrun/banyan/internal/fault"
)

// header begins every encrypted file, and separates this use of a key file
// from any other (it is HKDF's info).
const header = "banyan-secret-v1"

// KeyVariable names the environment variable that holds the key file's path.
const KeyVariable = "BANYAN_SECRET_KEY_FILE"

const minKeyFile = 32

// DeriveKey returns the key that the file at path stands for. An empty path
// means no key: nil.
func DeriveKey(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the key file of %s cannot be read: %w", KeyVariable, err)
	}
	if len(data) < minKeyFile {
		return nil, fault.New(fault.Invalid, "the key file of %s has %d bytes, at least %d are needed", KeyVariable, len(data), minKeyFile).
			At(path).Fix("make one with `head -c 32 /dev/urandom`")
	}
	return hkdf.Key(sha256.New, data, nil, header, 32)
}

// seal returns what is written to disk: the value, or header, nonce and ciphertext.
func (s Store) seal(name string, value []byte) ([]byte, error) {
	if s.Key == nil {
		if bytes.HasPrefix(value, []byte(header)) {
			return nil, fault.New(fault.Invalid, "the value of secret %s looks like an encrypted file of Banyan's", name)
		}
		return value, nil
	}
	aead, err := newAEAD(s.Key)
	if err != nil {
		return nil, err
	}
	sealed := aead.Seal(nil, nil, value, []byte(name)) //nolint:gosec // this AEAD makes its nonces itself
	return append([]byte(header), sealed...), nil
}

// open undoes seal. A file that was stored without a key is refused when there
// is one: it would lie there in the clear while everybody thinks it does not.
func (s Store) open(name string, data []byte) ([]byte, error) {
	sealed, encrypted := bytes.CutPrefix(data, []byte(header))
	switch {
	case !encrypted && s.Key == nil:
		return data, nil
	case !encrypted:
		return nil, fault.New(fault.Denied, "secret %s was stored without a key", name).
			Fix("set it again with `banyan secret set %s`", name)
	case s.Key == nil:
		return nil, fault.New(fault.Denied, "secret %s is encrypted", name).
			Fix("name the key file in %s", KeyVariable)
	}
	aead, err := newAEAD(s.Key)
	if err != nil {
		return nil, err
	}
	value, err := aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, fault.New(fault.Denied, "secret %s cannot be decrypted with this key", name).
			Fix("name the key file it was set with in %s, or set it again", KeyVariable)
	}
	return value, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
