import java.util.ArrayList;
import java.util.List;
import scala.Option;
import scala.Some;
import scala.Tuple1;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.mutable.ListBuffer;

/** Values of Scala 2.12. */
public class ScalaVectors implements Runnable {
    static scala.collection.immutable.List<Object> list(Object... items) {
        ListBuffer<Object> buffer = new ListBuffer<>();
        for (Object item : items) buffer.$plus$eq(item);
        return buffer.toList();
    }

    static scala.collection.immutable.Map<Object, Object> map(int size) {
        scala.collection.immutable.Map<Object, Object> map = scala.collection.immutable.Map$.MODULE$.empty();
        for (int i = 0; i < size; i++) map = map.$plus(new Tuple2<>((Object) i, (Object) "v"));
        return map;
    }

    static scala.collection.immutable.Set<Object> set(int size) {
        Object[] items = new Object[size];
        for (int i = 0; i < size; i++) items[i] = i;
        return (scala.collection.immutable.Set<Object>) (Object)
            scala.collection.immutable.Set$.MODULE$.apply(scala.Predef$.MODULE$.wrapRefArray(items));
    }

    public void run() {
        Vectors.add("scala list", list("a", 1), "[\"a\", int 1]");
        Vectors.add("scala Nil", list(), "[]");
        Vectors.add("scala list buffer", new ListBuffer<>().$plus$eq("a"), "[\"a\"]");
        Vectors.add("scala tuple 1", new Tuple1<>("a"), "(\"a\")");
        Vectors.add("scala tuple 2", new Tuple2<>("k", 5), "(\"k\", int 5)");
        Vectors.add("scala tuple 2 of longs", new scala.Tuple2$mcJJ$sp(1L, -2L), "(long 1, long -2)");
        Vectors.add("scala tuple 2 of int and double", new scala.Tuple2$mcID$sp(1, 1.0), "(int 1, double 3ff0000000000000)");
        Vectors.add("scala tuple 1 of int", new scala.Tuple1$mcI$sp(1), "(int 1)");
        Vectors.add("scala tuple 3", new Tuple3<>("k", 5, null), "(\"k\", int 5, null)");
        Vectors.add("scala Some", new Some<>("x"), "scala.Some(value: \"x\")");
        Vectors.add("scala None", Option.empty(), "scala.None$()");
        Vectors.add("scala Left", new scala.util.Left<>("l"), "left \"l\"");
        Vectors.add("scala Right", new scala.util.Right<>(1), "right int 1");
        for (int i = 0; i < 6; i++) {
            StringBuilder entries = new StringBuilder(), items = new StringBuilder();
            var it = map(i).iterator();
            while (it.hasNext()) entries.append(entries.length() == 0 ? "" : ", ").append("int ").append(it.next()._1()).append(": \"v\"");
            var is = set(i).iterator();
            while (is.hasNext()) items.append(items.length() == 0 ? "" : ", ").append("int ").append(is.next());
            Vectors.add("scala map of " + i, map(i), "{" + entries + "}");
            Vectors.add("scala set of " + i, set(i), "[" + items + "]");
        }
        Vectors.add("scala vector", list(1, 2).toVector(), "[int 1, int 2]");
        scala.collection.mutable.HashMap<Object, Object> mutable = new scala.collection.mutable.HashMap<>();
        mutable.put("k", 1);
        Vectors.add("scala mutable map", mutable, "{\"k\": int 1}");
        scala.collection.mutable.HashSet<Object> hashSet = new scala.collection.mutable.HashSet<>();
        hashSet.add("k");
        Vectors.add("scala mutable set", hashSet, "[\"k\"]");
        Vectors.add("scala queue", scala.collection.immutable.Queue$.MODULE$.empty().enqueue("q"), "[\"q\"]");
        Vectors.add("scala array buffer", new scala.collection.mutable.ArrayBuffer<>().$plus$eq("a"), "[\"a\"]");
        Vectors.add("scala symbol", scala.Symbol.apply("sym"), "scala.Symbol(text: \"sym\")");
        Vectors.add("scala unit", scala.runtime.BoxedUnit.UNIT, "null");
        Vectors.add("scala bit set", scala.collection.immutable.BitSet$.MODULE$.apply(list(3, 70)), "[int 3, int 70]");
        Vectors.add("scala mutable bit set", scala.collection.mutable.BitSet$.MODULE$.apply(list(3)), "[int 3]");
        Vectors.add("scala regex", new scala.util.matching.Regex("a+", (scala.collection.Seq<String>) (Object) list()), "scala.util.matching.Regex(text: \"a+\")");
        Vectors.add("scala wrapped array", scala.Predef$.MODULE$.wrapRefArray(new Object[] {"a"}), "[\"a\"]");
        Vectors.add("scala wrapped ints", scala.Predef$.MODULE$.wrapIntArray(new int[] {1}), "[int 1]");
        Vectors.add("scala big decimal", scala.math.BigDecimal$.MODULE$.apply(1.5), "?");
        Vectors.add("scala java list", new ArrayList<>(List.of(new Some<>(1), Option.empty())), "[scala.Some(value: int 1), scala.None$()]");
        Vectors.add("scala tree set", scala.collection.immutable.TreeSet$.MODULE$.apply(list(2, 1), (scala.math.Ordering) scala.math.Ordering.Int$.MODULE$), "[int 1, int 2]");
        Vectors.add("scala tree map", scala.collection.immutable.TreeMap$.MODULE$.empty((scala.math.Ordering) scala.math.Ordering.Int$.MODULE$).$plus(new Tuple2<>(2, "b")), "{int 2: \"b\"}");
    }
}
