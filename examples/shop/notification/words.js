// What customers are told, for each topic.

const texts = {
  "order.placed": ({ id, ...order }) => `We have your order ${id} over ${money(order)} and are working on it.`,
  "order.confirmed": ({ id, shipment, ...order }) =>
    `Thank you! Your order ${id} over ${money(order)} is confirmed. Your parcel has the number ${shipment.tracking}.`,
  "order.failed": ({ id }) => `Your order ${id} did not go through. You are not charged for it.`,
};

/** notice is what an event about an order has a customer be told; undefined if there is nothing. */
export function notice(topic, { order, user_id, email }) {
  const text = texts[topic]?.(order);
  return text && { kind: topic.replace(".", "-"), user_id, email, order_id: order.id, text };
}

const money = ({ total_cents, currency }) => `${(total_cents / 100).toFixed(2)} ${currency}`;
