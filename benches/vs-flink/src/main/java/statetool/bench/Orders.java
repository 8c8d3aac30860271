package statetool.bench;

import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Remembers the last order of each key, and on demand when it was seen, with a TTL. */
final class Orders extends KeyedProcessFunction<String, Long, Void> {
    static final String UID = "orders";
    static final ValueStateDescriptor<Order> STATE = new ValueStateDescriptor<>("last-order", Order.class);
    static final ValueStateDescriptor<Long> SEEN = new ValueStateDescriptor<>("seen", Types.LONG);

    static {
        // Long enough that nothing expires by itself, however long snapshots are kept.
        SEEN.enableTimeToLive(StateTtlConfig.newBuilder(Duration.ofDays(10_000)).build());
    }

    /** Orders put so far, by all subtasks of this JVM. */
    static final LongAdder PUT = new LongAdder();

    private final boolean remembersWhen;
    private transient ValueState<Order> last;
    private transient ValueState<Long> seen;

    Orders(boolean remembersWhen) {
        this.remembersWhen = remembersWhen;
    }

    @Override
    public void open(OpenContext context) {
        last = getRuntimeContext().getState(STATE);
        seen = remembersWhen ? getRuntimeContext().getState(SEEN) : null;
    }

    @Override
    public void processElement(Long number, Context context, Collector<Void> out) throws Exception {
        last.update(Order.of(number));
        if (remembersWhen) {
            seen.update(System.currentTimeMillis());
        }
        PUT.increment();
    }
}
