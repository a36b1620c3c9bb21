import { type Kysely, sql } from 'kysely';

/** Each row of the ledger says from what to what; the difference is computed when it is read. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table inventory_movements
      disable trigger inventory_movements_append_only,
      drop constraint inventory_movements_kind_check,
      add column on_hand_from integer, add column on_hand_to integer,
      add column reserved_from integer, add column reserved_to integer,
      add column committed_from integer, add column committed_to integer,
      add column reference text`.execute(db);
  await sql`
    update inventory_movements m
    set on_hand_from = t.on_hand - m.on_hand_delta, on_hand_to = t.on_hand,
        reserved_from = t.reserved - m.reserved_delta, reserved_to = t.reserved,
        committed_from = t.committed - m.committed_delta, committed_to = t.committed
    from (select id, sum(on_hand_delta) over w as on_hand, sum(reserved_delta) over w as reserved,
                 sum(committed_delta) over w as committed
          from inventory_movements window w as (partition by product_id order by id)) t
    where t.id = m.id`.execute(db);
  await sql`
    alter table inventory_movements
      enable trigger inventory_movements_append_only,
      drop column on_hand_delta, drop column reserved_delta, drop column committed_delta,
      alter on_hand_from set not null, alter on_hand_to set not null,
      alter reserved_from set not null, alter reserved_to set not null,
      alter committed_from set not null, alter committed_to set not null`.execute(db);
  await sql`
    alter table inventory_movements
      add column on_hand_delta integer generated always as (on_hand_to - on_hand_from) virtual,
      add column reserved_delta integer generated always as (reserved_to - reserved_from) virtual,
      add column committed_delta integer generated always as (committed_to - committed_from) virtual,
      add constraint inventory_movements_kind_moves check (case kind
        when 'receive' then on_hand_to > on_hand_from and reserved_to = reserved_from and committed_to = committed_from
        when 'reserve' then on_hand_to = on_hand_from and reserved_to > reserved_from and committed_to = committed_from
        when 'release' then on_hand_to = on_hand_from and reserved_to < reserved_from and committed_to = committed_from
        when 'commit' then on_hand_to = on_hand_from and committed_to > committed_from
          and reserved_to - reserved_from = committed_from - committed_to
        when 'ship' then reserved_to = reserved_from and committed_to < committed_from
          and on_hand_to - on_hand_from = committed_to - committed_from
        else false end)`.execute(db);
  // A delivery that is entered twice under one reference counts once.
  await sql`
    create unique index inventory_movements_reference on inventory_movements (product_id, reference)
      where reference is not null`.execute(db);
}
