// Package expr evaluates the expressions of sagas, which are written in the
// Common Expression Language (https://github.com/google/cel-spec).
//
// An expression sees variables that hold JSON, and its value becomes JSON again:
//
//   - What a step put out is known by the step's name: reserve.id. A step sees the
//     steps before it, not those beside it. What was skipped is null.
//   - JSON Schema gives variables their types, and with them mistakes are found
//     before anything runs. A property that a schema does not list is a mistake
//     unless additionalProperties allows it. Without a schema all is dynamic.
//   - Numbers: a JSON number without fraction and exponent that fits 64 bits is an
//     int, others are doubles; where a schema says number all are doubles. What an
//     expression only passes on keeps its digits, however many.
//   - There is no clock and no chance in it, and objects are iterated in the order
//     of their keys: equal variables give equal values.
//
// Evaluation is bounded in work and in the size of its result.
//
// All types are safe for concurrent use.
package expr
