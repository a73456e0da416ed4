package contract

import "time"

// NewUser is the body of POST /api/users.
type NewUser struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

// User is somebody who can sign in.
type User struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// Credentials is the body of POST /api/sessions.
type Credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Session answers POST /api/sessions. Token is a JWT that the gateway verifies.
type Session struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}
