import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table payment_attempts
      drop constraint payment_attempts_state_check,
      drop constraint payment_attempts_settlement_check,
      add constraint payment_attempts_state_check check (state in
        ('created', 'sent', 'active', 'declined', 'not_sent', 'unknown', 'paid', 'closed', 'abandoned', 'reversed',
         'charged_back')),
      add constraint payment_attempts_settlement_check check (settlement in
        ('paid', 'second_payment', 'paid_too_late', 'paid_after_cancel', 'wrong_amount', 'late_transfer')),
      add column transaction_id text,
      add column method text,
      add column received_rupiah bigint check (received_rupiah > 0),
      add column returned_rupiah bigint not null default 0,
      add column taken_back_rupiah bigint not null default 0,
      add column times_undone integer not null default 0,
      add column disputed_at timestamptz,
      add column paid_at timestamptz,
      add column state_since timestamptz not null default now(),
      add column ask_at timestamptz,
      add column transfer_account jsonb,
      add column proof_reference text`.execute(db);
  await sql`
    update payment_attempts
    set received_rupiah = amount_rupiah, paid_at = updated_at, transaction_id = gateway_ref
    where state = 'paid'`.execute(db);
  await sql`update payment_attempts set state_since = updated_at`.execute(db);
  // What is out, and what ended lately.
  await sql`
    update payment_attempts set ask_at = now()
    where gateway <> 'bank_transfer'
      and (state = 'active'
           or (state in ('paid', 'closed', 'abandoned') and updated_at > now() - interval '48 hours'))`.execute(
    db,
  );
  await sql`
    alter table payment_attempts
      -- What is on its way back counts as returned from the moment it is asked for.
      add constraint payment_attempts_no_refund_beyond_receipt
        check (returned_rupiah >= 0 and taken_back_rupiah >= 0
               and returned_rupiah <= coalesce(received_rupiah, 0)),
      add constraint payment_attempts_paid_says_what check
        (state not in ('paid', 'reversed', 'charged_back') or (received_rupiah is not null and settlement is not null))`.execute(
    db,
  );
  // One payment at a gateway, and one line of the bank's statement, counts for one attempt.
  await sql`
    create unique index payment_attempts_one_payment on payment_attempts (gateway, transaction_id)
      where transaction_id is not null`.execute(db);
  await sql`create index payment_attempts_to_ask on payment_attempts (ask_at) where ask_at is not null`.execute(
    db,
  );
  await sql`
    create index payment_attempts_transfers on payment_attempts (created_at)
      where state = 'active' and gateway = 'bank_transfer'`.execute(db);
  // The steps of its lifecycle, as packages/domain has them: a test compares the two.
  await sql`create table payment_attempt_steps (from_state text, to_state text, primary key (from_state, to_state))`.execute(
    db,
  );
  await sql`
    insert into payment_attempt_steps values
      ('created', 'sent'), ('created', 'abandoned'), ('created', 'paid'),
      ('sent', 'active'), ('sent', 'declined'), ('sent', 'not_sent'), ('sent', 'unknown'), ('sent', 'abandoned'),
      ('sent', 'paid'), ('sent', 'sent'),
      ('active', 'closed'), ('active', 'paid'),
      ('unknown', 'sent'), ('unknown', 'abandoned'), ('unknown', 'paid'),
      ('declined', 'paid'), ('not_sent', 'sent'), ('not_sent', 'paid'), ('closed', 'paid'), ('abandoned', 'paid'),
      ('paid', 'reversed'), ('paid', 'charged_back'), ('reversed', 'paid'), ('charged_back', 'paid')`.execute(
    db,
  );
  await sql`
    create function check_attempt_step() returns trigger language plpgsql as $$
    begin
      if new.state <> old.state then
        if not exists (select from payment_attempt_steps where from_state = old.state and to_state = new.state) then
          raise exception 'a payment attempt does not go from % to %', old.state, new.state
            using constraint = 'payment_attempts_follow_steps';
        end if;
        new.state_since := now();
      end if;
      return new;
    end $$`.execute(db);
  await sql`
    create trigger payment_attempts_follow_steps before update on payment_attempts
      for each row execute function check_attempt_step()`.execute(db);

  // The amounts that customers are to transfer to the rupiah. A freed one rests before it is given out again.
  await sql`
    create table transfer_amounts (
      account text not null,
      amount_rupiah bigint not null,
      attempt_id text not null unique,
      free_after timestamptz,
      primary key (account, amount_rupiah)
    )`.execute(db);

  await sql`
    create table payment_cases (
      id bigint generated always as identity primary key,
      kind text not null check (kind in
        ('second_payment', 'paid_too_late', 'paid_after_cancel', 'wrong_amount', 'late_transfer',
         'unconfirmed_payment', 'unknown_order', 'wrong_gateway', 'reversal', 'chargeback', 'partial_chargeback',
         'paid_back_twice', 'refund_request', 'outside_refund')),
      state text not null default 'open' check (state in ('open', 'refunding', 'manual_payout', 'resolved')),
      -- What it is about: told again, it opens no second case.
      subject text not null,
      order_id uuid,
      attempt_id text,
      gateway text not null,
      amount_rupiah bigint,
      detail text not null,
      opened_at timestamptz not null default now(),
      resolved_at timestamptz,
      resolved_by text,
      resolution text,
      unique (kind, subject),
      check ((state = 'resolved') = (resolved_at is not null and resolved_by is not null and resolution is not null))
    )`.execute(db);
  await sql`create index payment_cases_open on payment_cases (opened_at) where state <> 'resolved'`.execute(
    db,
  );
  // Money of before that did not pay its order, and that nobody is known to have sent back.
  await sql`
    insert into payment_cases (kind, subject, order_id, attempt_id, gateway, amount_rupiah, detail, opened_at)
    select settlement, id, order_id, id, gateway, received_rupiah,
           received_rupiah || ' IDR came for ' || id || ' before cases were kept.', paid_at
    from payment_attempts where settlement <> 'paid'`.execute(db);
  await sql`create index payment_cases_of_order on payment_cases (order_id)`.execute(db);

  await sql`
    create table refunds (
      id text primary key,
      attempt_id text not null references payment_attempts (id),
      case_id bigint references payment_cases (id),
      amount_rupiah bigint not null check (amount_rupiah > 0),
      reason text not null,
      requested_by text not null,
      state text not null check (state in
        ('requested', 'sent', 'pending', 'unknown', 'succeeded', 'refused', 'manual_payout')),
      gateway_ref text,
      failure_code text,
      payout_reference text,
      call_no integer not null default 0,
      due_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      check (due_at is null or state in ('requested', 'sent', 'pending', 'unknown'))
    )`.execute(db);
  await sql`create index refunds_due on refunds (due_at) where due_at is not null`.execute(db);
  await sql`create index refunds_of_attempt on refunds (attempt_id)`.execute(db);

  // Double entry: each row takes from one account what it gives to another, so that any set of rows sums to zero.
  await sql`
    create table money_movements (
      id bigint generated always as identity primary key,
      order_id uuid not null,
      kind text not null,
      debit text not null,
      credit text not null,
      amount_rupiah bigint not null check (amount_rupiah > 0),
      -- The attempt or refund that it comes from: moved once.
      reference text not null,
      actor text not null,
      at timestamptz not null default now(),
      unique (kind, reference),
      check (debit <> credit),
      constraint money_movements_kind_moves check (case kind
        when 'sale' then debit = 'customer' and credit = 'sales'
        when 'sale_undone' then debit = 'sales' and credit = 'customer'
        when 'payment' then debit in ('midtrans', 'xendit', 'bank') and credit = 'customer'
        when 'transfer_code' then debit = 'customer' and credit = 'transfer_codes'
        when 'transfer_code_undone' then debit = 'transfer_codes' and credit = 'customer'
        when 'refund' then debit = 'customer' and credit in ('midtrans', 'xendit', 'bank')
        when 'reversal' then debit = 'customer' and credit in ('midtrans', 'xendit', 'bank')
        when 'chargeback' then debit = 'customer' and credit in ('midtrans', 'xendit', 'bank')
        when 'fee' then debit = 'fees' and credit in ('midtrans', 'xendit', 'bank')
        else false end)
    )`.execute(db);
  await sql`create index money_movements_by_time on money_movements using brin (at)`.execute(db);
  await sql`
    create index payment_attempts_by_payment on payment_attempts (gateway, paid_at) where paid_at is not null`.execute(
    db,
  );
  await sql`create index money_movements_of_order on money_movements (order_id)`.execute(db);
  // The ledger as accounts see it: what is taken counts as positive, what is given as negative.
  await sql`
    create view money_entries as
      select id as movement_id, order_id, kind, debit as account, amount_rupiah, at from money_movements
      union all
      select id, order_id, kind, credit, -amount_rupiah, at from money_movements`.execute(db);
  // Orders paid before this ledger began.
  await sql`
    insert into money_movements (order_id, kind, debit, credit, amount_rupiah, reference, actor, at)
    select order_id, 'payment', case gateway when 'bank_transfer' then 'bank' else gateway end, 'customer',
           received_rupiah, id, 'migration', paid_at
    from payment_attempts where state = 'paid'`.execute(db);
  await sql`
    insert into money_movements (order_id, kind, debit, credit, amount_rupiah, reference, actor, at)
    select id, 'sale', 'customer', 'sales', total_rupiah, id::text, 'migration', updated_at
    from orders where state in ('paid', 'shipped') and total_rupiah > 0`.execute(db);

  // What gateways answered, without keys and personal data.
  await sql`
    create table gateway_exchanges (
      id bigint generated always as identity primary key,
      gateway text not null,
      operation text not null,
      attempt_id text,
      http_status integer,
      code text,
      body jsonb,
      took_ms integer not null,
      at timestamptz not null default now()
    )`.execute(db);
  await sql`create index gateway_exchanges_of_attempt on gateway_exchanges (attempt_id)`.execute(db);
  await sql`create index gateway_exchanges_by_time on gateway_exchanges using brin (at)`.execute(db);

  await sql`
    create table settlement_reports (
      gateway text not null,
      day date not null,
      ours_rupiah bigint not null,
      theirs_rupiah bigint not null,
      payments integer not null,
      differences jsonb not null,
      made_at timestamptz not null default now(),
      primary key (gateway, day)
    )`.execute(db);

  for (const table of ['money_movements', 'gateway_exchanges']) {
    await sql`
      create trigger ${sql.raw(table)}_append_only before update ${sql.raw(table === 'money_movements' ? 'or delete' : '')}
        on ${sql.table(table)} for each row execute function refuse_change()`.execute(db);
  }
  for (const table of ['payment_attempts', 'payment_cases', 'refunds']) {
    await sql`
      create trigger ${sql.raw(table)}_never_deleted before delete on ${sql.table(table)}
        for each row execute function refuse_change()`.execute(db);
  }
  for (const table of ['money_movements', 'payment_attempts', 'payment_cases', 'refunds']) {
    await sql`
      create trigger ${sql.raw(table)}_no_truncate before truncate on ${sql.table(table)}
        execute function refuse_change()`.execute(db);
  }

  // A late payment takes from what is available, a payment that goes back gives it back.
  await sql`
    alter table inventory_movements
      drop constraint inventory_movements_kind_moves,
      add constraint inventory_movements_kind_moves check (case kind
        when 'receive' then on_hand_to > on_hand_from and reserved_to = reserved_from and committed_to = committed_from
        when 'reserve' then on_hand_to = on_hand_from and reserved_to > reserved_from and committed_to = committed_from
        when 'release' then on_hand_to = on_hand_from and reserved_to < reserved_from and committed_to = committed_from
        when 'commit' then on_hand_to = on_hand_from and committed_to > committed_from
          and reserved_to - reserved_from = committed_from - committed_to
        when 'reinstate' then on_hand_to = on_hand_from and reserved_to = reserved_from
          and committed_to > committed_from
        when 'revoke' then on_hand_to = on_hand_from and reserved_to = reserved_from
          and committed_to < committed_from
        when 'ship' then reserved_to = reserved_from and committed_to < committed_from
          and on_hand_to - on_hand_from = committed_to - committed_from
        else false end)`.execute(db);
}
