import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boundParts, splitText, truncateBytes } from "./split.js";

const points = (text: string) => [...text].length;
const dense = (text: string) => text.replace(/[\s\p{Cc}\p{Cf}]+/gu, "");

describe("splitText", () => {
  test("keeps what fits in one part", () => {
    expect(splitText("hello", 4096)).toEqual(["hello"]);
    expect(splitText("😀".repeat(4096), 4096)).toHaveLength(1);
    expect(splitText("😀".repeat(4097), 4096)).toHaveLength(2);
    expect(splitText("", 10)).toEqual([]);
    expect(splitText(" \n\t ", 10)).toEqual([]);
  });

  test.each([
    ["paragraphs", "aaaa aaa\n\nbb bb", 13, ["aaaa aaa", "bb bb"]],
    ["lines", "aaaa aaa\nbb bb", 12, ["aaaa aaa", "bb bb"]],
    ["sentences", "One two. Three four", 13, ["One two.", "Three four"]],
    ["words", "aaa bbb ccc", 9, ["aaa bbb", "ccc"]],
    ["nothing at all", "abcdefgh", 5, ["abcd", "efgh"]],
  ])("cuts between %s", (_name, text, limit, parts) => {
    const result = splitText(text, limit);
    if (_name === "nothing at all") {
      expect(result.join("")).toBe(text);
      expect(result).toHaveLength(2);
    } else expect(result).toEqual(parts);
  });

  test("never cuts into a tag or an entity, and avoids open markup", () => {
    const link = '<a href="https://example.com/some/long/address">link</a>';
    expect(splitText(`${"x".repeat(40)}${link}`, 60)).toEqual(["x".repeat(40), link]);
    expect(splitText("abcdefgh&amp;ijkl", 10).join("|")).not.toMatch(/&[a-z]*\||\|[a-z]*;/);
    expect(splitText("one two <b>three four</b> five", 14)[0]).toBe("one two");
    expect(splitText("one two three <b>four five</b>", 24)[0]).toBe("one two three");
  });

  test("keeps what people see as one character together", () => {
    const family = "👨‍👩‍👧‍👦";
    const parts = splitText(family.repeat(10), 25);
    expect(parts.join("")).toBe(family.repeat(10));
    for (const part of parts) expect(part.replaceAll(family, "")).toBe("");
  });

  test("replaces lone surrogates", () => {
    expect(splitText("a\ud83d b\ude00", 10)).toEqual(["a\uFFFD b\uFFFD"]);
  });

  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom(" ", "\n", "\n\n", ". ", "<b>", "</b>", "&amp;", "<", "&", "😀", "👨‍👩‍👧‍👦"),
    fc.string({ unit: "grapheme", maxLength: 8 }),
    fc.integer({ min: 1, max: 40 }).map((n) => "x".repeat(n)),
  );
  const texts = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(""));

  test("any text: every part fits and is sound, nothing but whitespace is lost", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 50 }), (text, limit) => {
        const parts = splitText(text, limit);
        for (const part of parts) {
          expect(points(part)).toBeLessThanOrEqual(limit);
          expect(dense(part)).not.toBe("");
          expect(part).not.toMatch(/\p{Surrogate}/u);
        }
        const whole = text.replace(/\p{Surrogate}/gu, "\uFFFD");
        expect(dense(parts.join(""))).toBe(dense(whole));
      }),
      { numRuns: 1_000 },
    );
  });

  test("a large text is split in a moment", () => {
    const begun = performance.now();
    const parts = splitText("<b>word</b> &amp; more. ".repeat(10_000), 4096);
    expect(parts.length).toBeGreaterThan(50);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});

test("boundParts says what it drops", () => {
  expect(boundParts(["a", "b"], 2, 10)).toEqual(["a", "b"]);
  expect(boundParts(["a", "b".repeat(10), "c"], 2, 10)).toEqual(["a", `bbbbb\n\n[…]`]);
});

test("truncateBytes never cuts a code point", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (text, max) => {
      const cut = truncateBytes(text, max);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
      expect(text.startsWith(cut)).toBe(true);
    }),
  );
});
