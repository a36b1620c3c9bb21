export interface StreamedEvent {
  id: string;
  event: string;
  data: Record<string, unknown> & { status: string; position?: number; estimatedWaitMs?: number };
}

/** Reads an event stream as an EventSource does. */
export async function openStream(url: string, headers: Record<string, string> = {}) {
  const leaving = new AbortController();
  const answer = await fetch(url, { headers, signal: leaving.signal });
  const events: StreamedEvent[] = [];
  const comments: string[] = [];
  let hasEnded = false;
  let wake = Promise.withResolvers<void>();
  const take = (block: string) => {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const at = line.indexOf(':');
      fields.set(line.slice(0, at), line.slice(at + 1).trimStart());
    }
    const comment = fields.get('');
    if (comment !== undefined) comments.push(comment);
    const data = fields.get('data');
    if (data === undefined) return;
    events.push({
      id: fields.get('id') ?? '',
      event: fields.get('event') ?? '',
      data: JSON.parse(data) as StreamedEvent['data'],
    });
  };
  const reading = (async () => {
    let rest = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of answer.body ?? []) {
        const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
        rest = blocks.pop() ?? '';
        blocks.forEach(take);
        wake.resolve();
        wake = Promise.withResolvers();
      }
    } catch (error) {
      if (!leaving.signal.aborted) throw error;
    } finally {
      hasEnded = true;
      wake.resolve();
    }
  })();
  let next = 0;
  const until = async (isThere: () => boolean) => {
    while (!isThere()) {
      if (hasEnded) throw new Error(`The stream has ended. Its events: ${JSON.stringify(events)}`);
      await wake.promise;
    }
  };
  return {
    answer,
    /** The next event that no call has returned yet. */
    async next(): Promise<StreamedEvent> {
      await until(() => events.length > next);
      next += 1;
      return events[next - 1] as StreamedEvent;
    },
    /** Resolves with the next comment after this call. */
    async comment(): Promise<string | undefined> {
      const had = comments.length;
      await until(() => comments.length > had);
      return comments[had];
    },
    /** Resolves with all events when the server has ended the stream. */
    async end(): Promise<StreamedEvent[]> {
      await reading;
      return events;
    },
    leave: () => leaving.abort(),
  };
}
