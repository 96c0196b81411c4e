// What is refused, and why: a stable code and a sentence.

export class Refusal extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

export function need(holds, code, detail) {
  if (!holds) throw new Refusal(code, detail);
}

export const MILLION = 1_000_000;
export const e6 = (value) => Math.round(value * MILLION);
export const sum = (values) => values.reduce((all, value) => all + value, 0);
export const points = (millionths) => `${Number((millionths / 10_000).toPrecision(12))} points`;

// A ratio of big integers as a whole number, halves to the even one.
export function roundedRatio(numerator, denominator) {
  let [quotient, rest] = [numerator / denominator, numerator % denominator];
  if (rest < 0n) [quotient, rest] = [quotient - 1n, rest + denominator];
  const up = 2n * rest > denominator || (2n * rest === denominator && quotient % 2n !== 0n);
  return Number(up ? quotient + 1n : quotient);
}
