-- Orders with their customer's name, for the contract erp_orders, from an ERP that keeps the two in tables of their own.
--
-- The mark in braces becomes the condition on the keyset (updated_at, id) and on what else a run asks for, or one that always
-- holds; its columns bear their own names, so it stands in a query of the one table whose index serves the order. Without a
-- mark the condition stands around all of this, which engines push down as well where nothing is joined or grouped.
-- LEFT, so that an order without a customer is a reject that is seen, and not a row that is never there. A customer's new name
-- comes with the next change of the order: it does not touch the order's updated_at.
SELECT
    o.id,
    o.updated_at,
    c.name AS customer,
    o.status,
    o.amount,
    o.ordered_on,
    o.note,
    o.is_express
FROM (
    SELECT id, updated_at, customer_id, status, amount, ordered_on, note, is_express
    FROM sales_orders
    WHERE status <> 'draft' AND {keyset}
) AS o
LEFT JOIN customers AS c ON c.id = o.customer_id
