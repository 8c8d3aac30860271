// Prepares a new engine, once, before a script is read: nothing of the machine and of the moment is left,
// and nothing that one entry could change for another. The value is what the host needs from inside.
(() => {
  "use strict";

  const kept = new Set([
    "AggregateError", "Array", "ArrayBuffer", "BigInt", "BigInt64Array", "BigUint64Array", "Boolean", "DataView",
    "Date", "Error", "EvalError", "Float16Array", "Float32Array", "Float64Array", "Function", "Infinity",
    "Int16Array", "Int32Array", "Int8Array", "InternalError", "Iterator", "JSON", "Map", "Math", "NaN", "Number",
    "Object", "RangeError", "ReferenceError", "Reflect", "RegExp", "Set", "String", "Symbol", "SyntaxError",
    "TypeError", "URIError", "Uint16Array", "Uint32Array", "Uint8Array", "Uint8ClampedArray", "WeakMap", "WeakSet",
    "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "globalThis", "isFinite", "isNaN",
    "parseFloat", "parseInt", "undefined",
  ]);
  for (const name of Reflect.ownKeys(globalThis)) {
    if (!kept.has(name)) delete globalThis[name];
  }
  delete Math.random;

  // A calendar in UTC, without a clock.
  const Calendar = Date;
  const ISO = /^([+-]\d{6}|\d{4})-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;
  const parse = (text) => {
    const found = ISO.exec(text);
    if (found === null) return NaN;
    const millis = found[0].replace(/(\.\d{3})\d+/, "$1");
    return Calendar.parse(millis.includes("T") && found[2] === undefined ? millis + "Z" : millis);
  };
  const noClock = () => {
    throw new TypeError("scripts have no clock: write the time into the script");
  };
  function UtcDate(...parts) {
    if (new.target === undefined || parts.length === 0) noClock();
    const time = () => (typeof parts[0] === "string" ? parse(parts[0]) : parts[0]);
    return Reflect.construct(Calendar, [parts.length > 1 ? Calendar.UTC(...parts) : time()], new.target);
  }
  const define = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, enumerable: false, configurable: true });
  const dates = Calendar.prototype;
  UtcDate.prototype = dates;
  define(UtcDate, "name", "Date");
  define(UtcDate, "UTC", Calendar.UTC);
  define(UtcDate, "parse", (text) => parse(String(text)));
  define(UtcDate, "now", noClock);
  define(dates, "constructor", UtcDate);
  for (const name of Object.getOwnPropertyNames(dates)) {
    const utc = name.replace(/^[gs]et/, "$&UTC");
    if (utc !== name && utc in dates) define(dates, name, dates[utc]);
    if (/^to(Locale)?(Date|Time)?String$/.test(name)) define(dates, name, dates.toISOString);
  }
  define(dates, "getTimezoneOffset", () => 0);
  delete dates.getYear;
  delete dates.setYear;
  globalThis.Date = UtcDate;

  const frozen = new Set([globalThis]);
  const freeze = (thing) => {
    if (thing === null || !["object", "function"].includes(typeof thing) || frozen.has(thing)) return;
    frozen.add(thing);
    freeze(Object.getPrototypeOf(thing));
    for (const { value, get, set } of Object.values(Object.getOwnPropertyDescriptors(thing))) {
      [value, get, set].forEach(freeze);
    }
    for (const symbol of Object.getOwnPropertySymbols(thing)) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(thing, symbol);
      [value, get, set].forEach(freeze);
    }
    Object.freeze(thing);
  };
  for (const name of Object.getOwnPropertyNames(globalThis)) freeze(globalThis[name]);
  // What has no name.
  const unnamed = [
    function* () {}, async function () {}, async function* () {}, [].values(), [].values().map(String), new Map().keys(),
    new Set().keys(), ""[Symbol.iterator](), "".matchAll(/a/g), Iterator.from({ next() {} }), (function* () {})(),
  ];
  unnamed.forEach(freeze);

  return {
    seal: () => void Object.freeze(globalThis),
    millis: (time) => {
      if (typeof time === "string") return parse(time);
      return time instanceof Calendar ? time.getTime() : time;
    },
    date: (thing) => (thing instanceof Calendar ? thing.toISOString() : undefined),
    units: (text) => Array.from({ length: text.length }, (_, index) => text.charCodeAt(index)),
    text: (units) => units.map((unit) => String.fromCharCode(unit)).join(""),
  };
})()
