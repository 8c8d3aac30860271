import java.io.ByteArrayOutputStream;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.java.typeutils.runtime.kryo.KryoSerializer;
import org.apache.flink.core.memory.DataOutputViewStreamWrapper;

/** Flink's KryoSerializer of an empty configuration. */
class KryoVectors {
    static <T> Vectors.Writer writer(Class<T> type) {
        KryoSerializer<T> serializer = new KryoSerializer<>(type, new SerializerConfigImpl());
        return value -> {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputViewStreamWrapper out = new DataOutputViewStreamWrapper(bytes);
            serializer.serialize(type.cast(value), out);
            out.flush();
            return bytes.toByteArray();
        };
    }
}
