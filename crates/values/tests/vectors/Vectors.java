import java.io.ByteArrayOutputStream;
import java.io.ObjectOutputStream;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** Writes values with Java's or Kryo's real serializers: name, bytes, and what was written. */
public class Vectors {
    public enum Color { RED, GREEN }

    public enum Op { PLUS { }, MINUS { } }

    public static class A {
        int n = -1;
        String s = "hi";
        String t = s;
        Integer boxed = 3;
        long big = 300;
        Object o = true;
    }

    public static class D {
        double d = 1;
        short s = 1;
        float f = -2;
        char c = 'A';
    }

    public static class Node implements java.io.Serializable {
        String name;
        Node next;
        int[] numbers = {1, 2};
    }

    public static class Quiet implements java.io.Serializable {
        int a = 1;
        String b = "x";
        private void writeObject(ObjectOutputStream out) throws java.io.IOException {
            out.writeInt(77);
            out.writeObject("own");
        }
    }

    public static class Ext implements java.io.Externalizable {
        public void writeExternal(java.io.ObjectOutput out) throws java.io.IOException {
            out.writeUTF("ext");
            out.writeObject(5);
        }
        public void readExternal(java.io.ObjectInput in) { }
    }

    record Case(String name, Object value, String expected) { }

    static final List<Case> CASES = new ArrayList<>();

    static void add(String name, Object value) {
        CASES.add(new Case(name, value, show(value)));
    }

    static void add(String name, Object value, String expected) {
        CASES.add(new Case(name, value, expected));
    }

    static String text(String s) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c >= 32 && c < 127 && c != '"' && c != '\\') out.append(c);
            else out.append(String.format("\\u%04x", (int) c));
        }
        return out.append('"').toString();
    }

    static String date(LocalDate d) {
        return d.getYear() + "-" + d.getMonthValue() + "-" + d.getDayOfMonth();
    }

    static String show(Object v) {
        if (v == null) return "null";
        if (v instanceof Boolean) return v.toString();
        if (v instanceof Integer) return "int " + v;
        if (v instanceof Long) return "long " + v;
        if (v instanceof Short) return "short " + v;
        if (v instanceof Byte) return "byte " + v;
        if (v instanceof Character c) return "char " + (int) c;
        if (v instanceof Float f) return "float " + Integer.toHexString(Float.floatToRawIntBits(f));
        if (v instanceof Double d) return "double " + Long.toHexString(Double.doubleToRawLongBits(d));
        if (v instanceof String s) return text(s);
        if (v instanceof byte[] b) return "bytes " + hex(b);
        if (v instanceof BigInteger) return "big " + v;
        if (v instanceof BigDecimal d) return "decimal " + d.unscaledValue() + " " + d.scale();
        if (v instanceof java.sql.Timestamp t) return "instant " + Math.floorDiv(t.getTime(), 1000L) + " " + t.getNanos();
        if (v instanceof java.util.Date d) return "instant " + Math.floorDiv(d.getTime(), 1000L) + " " + Math.floorMod(d.getTime(), 1000L) * 1000000L;
        if (v instanceof Instant i) return "instant " + i.getEpochSecond() + " " + i.getNano();
        if (v instanceof LocalDate d) return "date " + date(d);
        if (v instanceof LocalTime t) return "time " + t.toNanoOfDay();
        if (v instanceof LocalDateTime d) return "datetime " + date(d.toLocalDate()) + " " + d.toLocalTime().toNanoOfDay();
        if (v instanceof UUID u) return "uuid " + u;
        if (v instanceof Duration d) return object(v, "seconds", d.getSeconds(), "nanos", d.getNano());
        if (v instanceof Period p) return object(v, "years", p.getYears(), "months", p.getMonths(), "days", p.getDays());
        if (v instanceof Year y) return object(v, "year", y.getValue());
        if (v instanceof YearMonth y) return object(v, "year", y.getYear(), "month", y.getMonthValue());
        if (v instanceof MonthDay m) return object(v, "month", m.getMonthValue(), "day", m.getDayOfMonth());
        if (v instanceof ZoneOffset o) return object(v, "totalSeconds", o.getTotalSeconds());
        if (v instanceof ZoneId z) return object(v, "id", z.getId());
        if (v instanceof OffsetTime o) return object(v, "time", o.toLocalTime(), "offset", o.getOffset());
        if (v instanceof OffsetDateTime o) return object(v, "dateTime", o.toLocalDateTime(), "offset", o.getOffset());
        if (v instanceof AtomicInteger a) return object(v, "value", a.get());
        if (v instanceof AtomicLong a) return object(v, "value", a.get());
        if (v instanceof AtomicBoolean a) return object(v, "value", a.get() ? 1 : 0);
        if (v instanceof AtomicReference<?> a) return object(v, "value", a.get());
        if (v instanceof Map.Entry<?, ?> e) return object(v, "key", e.getKey(), "value", e.getValue());
        if (v.getClass().isArray()) {
            StringJoiner items = new StringJoiner(", ", "[", "]");
            for (int i = 0; i < Array.getLength(v); i++) items.add(show(Array.get(v, i)));
            return items.toString();
        }
        if (v instanceof Map<?, ?> m) {
            StringJoiner items = new StringJoiner(", ", "{", "}");
            m.forEach((k, w) -> items.add(show(k) + ": " + show(w)));
            return items.toString();
        }
        if (v instanceof Collection<?> c) {
            StringJoiner items = new StringJoiner(", ", "[", "]");
            c.forEach(e -> items.add(show(e)));
            return items.toString();
        }
        return "?";
    }

    static String object(Object v, Object... fields) {
        StringJoiner items = new StringJoiner(", ", v.getClass().getName() + "(", ")");
        for (int i = 0; i < fields.length; i += 2) items.add(fields[i] + ": " + show(fields[i + 1]));
        return items.toString();
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    static void fill(boolean kryo) throws Exception {
        add("null", null);
        for (Object v : new Object[] {42, -3L, 1.0d, -2.5f, (short) -7, (byte) -1, 'A', true, false, Integer.MIN_VALUE, Long.MIN_VALUE, Long.MAX_VALUE, 0}) {
            add(v.getClass().getSimpleName() + " " + v, v);
        }
        for (String s : new String[] {"", "a", "ab", "\u00e9", "0123456789012345678901234567890123456789", "x".repeat(70), "a\0b", "\u4e2d\ud83d\ude00", "\ud83d", "x".repeat(33), "\u00e9".repeat(300)}) {
            add("string of " + s.length(), s);
        }
        add("bytes", new byte[] {1, 2, -1});
        add("ints", new int[] {1, -1, 1 << 30});
        add("longs", new long[] {1, -1, Long.MIN_VALUE});
        add("shorts", new short[] {1, -1});
        add("chars", new char[] {'a', '\uffff'});
        add("floats", new float[] {1, -1});
        add("doubles", new double[] {1, -1});
        add("booleans", new boolean[] {true, false});
        add("strings", new String[] {"a", null, "a"});
        add("objects", new Object[] {"a", null, 1, new int[] {3}});
        add("ints of ints", new int[][] {{1}, null, {}});
        add("integers", new Integer[] {1, null});
        add("uuids", new UUID[] {new UUID(1, 2), null});
        add("big decimals", new BigDecimal[] {BigDecimal.ONE, null});
        add("big", new BigInteger("-123456789012345678901234567890"));
        add("big zero", BigInteger.ZERO);
        add("decimal", new BigDecimal("-12345678901234567890.123"));
        add("decimal E", new BigDecimal("1E+5"));
        add("date", new Date(1234567890123L));
        add("date before 1970", new Date(-1L));
        add("sql date", new java.sql.Date(86400000L * 365));
        add("sql time", new java.sql.Time(3600000L));
        java.sql.Timestamp stamp = new java.sql.Timestamp(1234567890123L);
        stamp.setNanos(123456789);
        add("sql timestamp", stamp);
        add("uuid", new UUID(1, 2));
        add("uuid -", new UUID(-1, Long.MIN_VALUE));
        add("array list", new ArrayList<>(List.of(1, 1)));
        add("mixed list", new ArrayList<>(List.of(1, "a")));
        add("empty list", new ArrayList<>());
        add("list with null", new ArrayList<>(Arrays.asList("a", null, "a")));
        add("list of nulls", new ArrayList<>(Arrays.asList(null, null)));
        add("nested lists", new ArrayList<>(List.of(new ArrayList<>(List.of(1)), new LinkedList<>(List.of("x")))));
        List<Object> shared = new ArrayList<>(List.of("s"));
        add("shared", new ArrayList<>(List.of(shared, shared)));
        add("linked list", new LinkedList<>(List.of(1, "a")));
        add("array deque", new ArrayDeque<>(List.of(1, 2)));
        add("as list", Arrays.asList("a", null, "b"));
        add("copy on write", new CopyOnWriteArrayList<>(List.of(1, 2)));
        add("hash set", new HashSet<>(List.of("k")));
        add("linked hash set", new LinkedHashSet<>(List.of(3, 1)));
        add("tree set", new TreeSet<>(List.of(3, 1)));
        add("priority queue", new PriorityQueue<>(List.of(2, 1)), show(new ArrayList<>(new PriorityQueue<>(List.of(2, 1)))));
        add("hash map", new HashMap<>(Map.of("k", 1L)));
        Map<Object, Object> linked = new LinkedHashMap<>();
        linked.put("b", null);
        linked.put(2, new ArrayList<>(List.of("c")));
        add("linked hash map", linked);
        add("tree map", new TreeMap<>(Map.of("b", 1, "a", 2)));
        add("skip list map", new ConcurrentSkipListMap<>(Map.of("b", 1, "a", 2)));
        add("hashtable", new Hashtable<>(Map.of("k", 1)));
        add("concurrent map", new ConcurrentHashMap<>(Map.of("k", 1)));
        add("empty map", new HashMap<>());
        add("List.of", List.of(1, "a", 2));
        add("List.of()", List.of());
        add("Set.of", Set.of("a"));
        add("Map.of", Map.of("a", 1));
        add("emptyList", Collections.emptyList());
        add("emptySet", Collections.emptySet());
        add("emptyMap", Collections.emptyMap());
        add("singletonList", Collections.singletonList("a"));
        add("singleton", Collections.singleton("a"));
        add("singletonMap", Collections.singletonMap("a", 1));
        if (!kryo) {
            add("unmodifiable", Collections.unmodifiableList(new ArrayList<>(List.of(1))));
            add("unmodifiable map", Collections.unmodifiableMap(new TreeMap<>(Map.of("a", 1))));
        }
        add("instant", Instant.ofEpochSecond(-5, 6));
        add("duration", Duration.ofSeconds(7, 8));
        add("local date", LocalDate.of(2024, 2, 29));
        add("local date BC", LocalDate.of(-5, 1, 2));
        for (LocalTime t : new LocalTime[] {LocalTime.of(1, 0), LocalTime.of(1, 2), LocalTime.of(1, 2, 3), LocalTime.of(23, 59, 59, 999999999)}) {
            add("local time " + t, t);
        }
        add("local date time", LocalDateTime.of(2024, 2, 29, 12, 30, 1));
        add("offset", ZoneOffset.ofHours(-3));
        add("odd offset", ZoneOffset.ofTotalSeconds(3601));
        add("zone", ZoneId.of("Europe/Berlin"));
        add("offset time", OffsetTime.of(LocalTime.of(1, 2), ZoneOffset.ofHours(2)));
        add("offset date time", OffsetDateTime.of(LocalDateTime.of(2024, 1, 1, 1, 1), ZoneOffset.ofHours(2)));
        LocalDateTime local = LocalDateTime.of(2024, 7, 1, 1, 1);
        ZonedDateTime zoned = ZonedDateTime.of(local, ZoneId.of("Europe/Berlin"));
        String z = "java.time.ZonedDateTime(dateTime: " + show(local);
        String offset = ", offset: java.time.ZoneOffset(totalSeconds: int 7200), zone: ";
        add("zoned", zoned, z + (V5 ? ", zone: \"Europe/Berlin\")" : offset + "java.time.ZoneRegion(id: \"Europe/Berlin\"))"));
        add("zoned by offset", ZonedDateTime.of(local, ZoneOffset.ofHours(2)),
            z + (V5 ? ", zone: \"+02:00\")" : offset + "java.time.ZoneOffset(totalSeconds: int 7200))"));
        add("year", Year.of(2024));
        add("year month", YearMonth.of(2024, 5));
        add("month day", MonthDay.of(5, 31));
        add("period", Period.of(1, -2, 3));
        add("atomic integer", new AtomicInteger(5));
        add("atomic long", new AtomicLong(5));
        add("atomic boolean", new AtomicBoolean(true));
        add("atomic reference", new AtomicReference<>("r"));
        add("entry", new AbstractMap.SimpleEntry<>("k", 1));
        add("immutable entry", new AbstractMap.SimpleImmutableEntry<>("k", 1));
        add("day of week", DayOfWeek.FRIDAY, kryo ? "enum 4 FRIDAY" : "enum -1 FRIDAY");
        add("time unit", TimeUnit.SECONDS, kryo ? "enum 3 SECONDS" : "enum -1 SECONDS");
        if (!kryo) {
            Node first = new Node();
            first.name = "first";
            first.next = first;
            add("cycle", first, "Vectors$Node(name: \"first\", next: \"<reference to the enclosing Vectors$Node>\", numbers: [int 1, int 2])");
            add("quiet", new Quiet(), "Vectors$Quiet(<annotation>: [bytes 0000004d, \"own\"])");
            add("quiets", new ArrayList<>(List.of(new Quiet(), new Quiet())),
                "[Vectors$Quiet(<annotation>: [bytes 0000004d, \"own\"]), Vectors$Quiet(<annotation>: [bytes 0000004d, \"own\"])]");
            add("externalizable", new Ext(), "Vectors$Ext(<annotation>: [bytes 0003657874, int 5])");
            add("enum", Color.GREEN, "enum -1 GREEN");
            add("enum with bodies", Op.MINUS, "enum -1 MINUS");
            add("enum map", new EnumMap<>(Map.of(Color.RED, 1)), "{enum -1 RED: int 1}");
            add("class", String.class, "java.lang.Class(name: \"java.lang.String\")");
            add("string builder", new StringBuilder("ab"), "java.lang.StringBuilder(text: \"ab\")");
            return;
        }
        fillKryo();
    }

    static void fillKryo() throws Exception {
        add("A", new A(), "Vectors$A(big: long 300, boxed: int 3, n: int -1, o: true, s: \"hi\", t: \"hi\")");
        add("D", new D(), "Vectors$D(c: char 65, d: double 3ff0000000000000, f: float c0000000, s: short 1)");
        add("list of A", new ArrayList<>(List.of(new A(), new A())), "[" + "Vectors$A(big: long 300, boxed: int 3, n: int -1, o: true, s: \"hi\", t: \"hi\")" + ", " + "Vectors$A(big: long 300, boxed: int 3, n: int -1, o: true, s: \"hi\", t: \"hi\")" + "]");
        add("enum", Color.GREEN, "enum 1 GREEN");
        add("enums", new ArrayList<>(List.of(Color.GREEN, Color.RED, Color.GREEN)), "[enum 1 GREEN, enum 0 RED, enum 1 GREEN]");
        add("enum with bodies", Op.MINUS, "enum 1 MINUS");
        add("enum map", new EnumMap<>(Map.of(Color.RED, 1)), "{enum 0 RED: int 1}");
        add("enum set", EnumSet.of(Color.GREEN), "[enum 1 GREEN]");
        add("string builder", new StringBuilder("ab"), "java.lang.StringBuilder(text: \"ab\")");
        add("string buffer", new StringBuffer("abc"), "java.lang.StringBuffer(text: \"abc\")");
        add("class", String.class, "java.lang.Class(name: \"java.lang.String\")");
        add("class int", int.class, "java.lang.Class(name: \"int\")");
        add("class Integer", Integer.class, "java.lang.Class(name: \"java.lang.Integer\")");
        add("class of ours", Node.class, "java.lang.Class(name: \"Vectors$Node\")");
        add("currency", Currency.getInstance("EUR"), "java.util.Currency(text: \"EUR\")");
        add("time zone", TimeZone.getTimeZone("Europe/Berlin"), "sun.util.calendar.ZoneInfo(text: \"Europe/Berlin\")");
        add("uri", new java.net.URI("http://a/b"), "java.net.URI(text: \"http://a/b\")");
        add("url", new java.net.URL("http://a/b"), "java.net.URL(text: \"http://a/b\")");
        add("charset", java.nio.charset.StandardCharsets.UTF_8, "sun.nio.cs.UTF_8(text: \"UTF-8\")");
        add("pattern", Pattern.compile("a+", Pattern.CASE_INSENSITIVE), V5 ? "java.util.regex.Pattern(pattern: \"a+\", flags: int 2)" : "java.util.regex.Pattern(pattern: \"a+\")");
        add("address", java.net.InetSocketAddress.createUnresolved("h.x", 80), "java.net.InetSocketAddress(host: \"h.x\", port: int 80)");
        BitSet bits = new BitSet();
        bits.set(1);
        bits.set(64);
        add("bits", bits, "java.util.BitSet(words: [long 2, long 1])");
        add("locale", Locale.GERMANY, V5 ? "java.util.Locale(language: \"de\", country: \"DE\", variant: \"\")"
            : "java.util.Locale(hashcode: int -1, country: \"DE\", extensions: \"\", language: \"de\", script: \"\", variant: \"\")");
        add("locales", new ArrayList<>(List.of(Locale.GERMANY, Locale.FRENCH)), V5
            ? "[java.util.Locale(language: \"de\", country: \"DE\", variant: \"\"), java.util.Locale(language: \"fr\", country: \"\", variant: \"\")]"
            : "[java.util.Locale(hashcode: int -1, country: \"DE\", extensions: \"\", language: \"de\", script: \"\", variant: \"\"), java.util.Locale(hashcode: int -1, country: \"\", extensions: \"\", language: \"fr\", script: \"\", variant: \"\")]");
        Calendar calendar = Calendar.getInstance(TimeZone.getTimeZone("UTC"), Locale.ROOT);
        calendar.setTimeInMillis(5);
        add("calendar", calendar, "java.util.GregorianCalendar(zone: \"UTC\", time: instant 0 5000000, lenient: true, firstDayOfWeek: int 1, minimalDaysInFirstWeek: int 1, gregorianChange: long -12219292800000)");
        Optional<Object> optional = Optional.of("o");
        if (V5) {
            add("optional", optional, "java.util.Optional(value: \"o\")");
            add("optional empty", Optional.empty(), "java.util.Optional(value: null)");
            add("optional int", OptionalInt.of(4), "java.util.OptionalInt(value: int 4)");
            add("optional int empty", OptionalInt.empty(), "java.util.OptionalInt(value: null)");
            add("optional long", OptionalLong.of(4), "java.util.OptionalLong(value: long 4)");
            add("optional double", OptionalDouble.of(1), "java.util.OptionalDouble(value: double 3ff0000000000000)");
        } else {
            add("optional", optional, "java.util.Optional(value: \"o\")");
            add("optional int", OptionalInt.of(4), "java.util.OptionalInt(isPresent: true, value: int 4)");
        }
        List<Object> self = new ArrayList<>();
        self.add(self);
        add("cycle", self, "[\"<reference to the enclosing java.util.ArrayList>\"]");
        Throwable t = new IllegalStateException("bad");
        t.setStackTrace(new StackTraceElement[0]);
        Throwable u = new IllegalStateException("worse");
        u.setStackTrace(new StackTraceElement[0]);
        String trace = "stackTrace: [], suppressedExceptions: []";
        String cause = "cause: \"<reference to the enclosing java.lang.IllegalStateException>\", ";
        add("throwable", t, "java.lang.IllegalStateException(" + cause + "detailMessage: \"bad\", " + trace + ")");
        add("throwables", new ArrayList<>(List.of(t, "between", u)), "[java.lang.IllegalStateException(" + cause + "detailMessage: \"bad\", " + trace
            + "), \"between\", java.lang.IllegalStateException(" + cause + "detailMessage: \"worse\", " + trace + ")]");
        add("comparator", new TreeSet<>(Collections.reverseOrder()), "?");
    }

    static boolean V5;

    interface Writer {
        byte[] write(Object value) throws Exception;
    }

    public static void main(String[] args) throws Exception {
        boolean kryo = args[0].equals("kryo");
        V5 = args.length > 1 && args[1].equals("5");
        Writer writer = kryo ? KryoVectors.writer(Object.class) : Vectors::java;
        if (args.length > 1 && args[1].equals("scala")) {
            ((Runnable) Class.forName("ScalaVectors").getDeclaredConstructor().newInstance()).run();
        } else {
            fill(kryo);
        }
        for (Case c : CASES) {
            byte[] bytes;
            try {
                bytes = writer.write(c.value);
            } catch (Throwable e) {
                System.err.println(c.name + ": " + e);
                continue;
            }
            System.out.println(c.name + "\t" + hex(bytes) + "\t" + c.expected);
        }
    }

    static byte[] java(Object value) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(value);
        }
        return bytes.toByteArray();
    }
}
