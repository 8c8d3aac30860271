package statetool.bench;

/** What the state of a key is on its way from one snapshot to another; null where a state holds nothing. */
public class Kept {
    public String key;
    public Order order;
    public Long seen;
}
