package statetool.bench;

import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Remembers the last order of each key. */
final class Orders extends KeyedProcessFunction<String, Long, Void> {
    static final String UID = "orders";
    static final ValueStateDescriptor<Order> STATE = new ValueStateDescriptor<>("last-order", Order.class);

    /** Entries put so far, by all subtasks of this JVM. */
    static final LongAdder PUT = new LongAdder();

    private transient ValueState<Order> last;

    @Override
    public void open(OpenContext context) {
        last = getRuntimeContext().getState(STATE);
    }

    @Override
    public void processElement(Long number, Context context, Collector<Void> out) throws Exception {
        last.update(Order.of(number));
        PUT.increment();
    }
}
