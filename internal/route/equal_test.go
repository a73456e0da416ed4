package route

import (
	"reflect"
	"testing"
)

// fill sets everything in v, pointers, lists and maps included.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("a")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": "v"}))
	case reflect.Struct:
		for _, f := range v.Fields() {
			fill(f)
		}
	default:
		v.SetInt(7)
	}
}

// spoil calls try with everything in v changed, one thing after the other. Each
// change is taken back.
func spoil(v reflect.Value, name string, try func(what string)) {
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	change := func(to any, what string) {
		v.Set(reflect.ValueOf(to).Convert(v.Type()))
		try(name + what)
		v.Set(before)
	}
	switch v.Kind() {
	case reflect.String:
		change("b", "")
	case reflect.Bool:
		change(false, "")
	case reflect.Float64:
		change(0.25, "")
	case reflect.Pointer:
		v.Set(reflect.Zero(v.Type()))
		try(name + " left out")
		v.Set(before)
		spoil(v.Elem(), name, try)
	case reflect.Slice:
		v.Set(before.Slice(0, 1))
		try(name + " shorter")
		v.Set(before)
		spoil(v.Index(1), name+"[1]", try)
	case reflect.Map:
		change(map[string]string{"k": "other"}, " value")
		change(map[string]string{"other": "v"}, " key")
		change(map[string]string(nil), " left out")
	case reflect.Struct:
		for i := range v.NumField() {
			spoil(v.Field(i), name+"."+v.Type().Field(i).Name, try)
		}
	default:
		change(8, "")
	}
}

// testEqual: whatever differs, equal says so; also what is added to T later.
func testEqual[T any](t *testing.T, equal func(a, b *T) bool) {
	t.Helper()
	var a, b T
	if !equal(&a, &b) {
		t.Error("two that are empty differ")
	}
	fill(reflect.ValueOf(&a).Elem())
	fill(reflect.ValueOf(&b).Elem())
	if !equal(&a, &b) {
		t.Fatal("two that are alike differ")
	}
	n := 0
	spoil(reflect.ValueOf(&b).Elem(), "", func(what string) {
		n++
		if equal(&a, &b) || equal(&b, &a) {
			t.Errorf("%s makes no difference", what)
		}
	})
	if n == 0 || !equal(&a, &b) {
		t.Fatal("the test is broken")
	}
}

func TestEqual(t *testing.T) {
	t.Run("route", func(t *testing.T) { testEqual(t, (*Route).Equal) })
	t.Run("policy", func(t *testing.T) { testEqual(t, (*Policy).Equal) })
	t.Run("service", func(t *testing.T) { testEqual(t, (*Service).Equal) })
}
