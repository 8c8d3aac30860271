package statetool.bench;

/** What the state holds for each key: a POJO of five fields. */
public class Order {
    public String customer;
    public String country;
    public long cents;
    public int items;
    public double weight;

    private static final String[] COUNTRIES = {"Germany", "France", "Japan", "Brazil", "United States"};

    static String key(long number) {
        return String.format("order-%010d", number);
    }

    static Order of(long number) {
        Order order = new Order();
        order.customer = "customer-" + number % 1_000_003;
        order.country = COUNTRIES[(int) (number % COUNTRIES.length)];
        order.cents = number * 7919 % 10_000_000;
        order.items = (int) (number % 17);
        order.weight = number % 1000 * 0.25;
        return order;
    }
}
