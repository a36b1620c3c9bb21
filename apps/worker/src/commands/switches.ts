import { readSwitches, setSwitch, SWITCHES } from '@antrean/redis';
import { z } from 'zod';
import { checked, type Command, Refused, text } from './command.ts';

const turned = z.object({ what: z.enum(SWITCHES), to: z.enum(['on', 'off']), reason: text(200) });
const notice = z.object({ id: text(300), en: text(300) });

/** Works with PostgreSQL away: who turned it is written down once that is back. */
export const turnSwitch: Command = async ({ operator, withRedis }, [what, to, why]) => {
  const asked = checked(turned, 'The switch', { what, to, reason: why });
  await withRedis((redis, keyspace) =>
    setSwitch(
      redis,
      keyspace,
      { what: asked.what, on: asked.to === 'on' },
      { changedBy: operator, reason: asked.reason },
    ),
  );
  console.log(`${asked.what} is ${asked.to}, everywhere within a second.`);
};

export const setNotice: Command = async ({ operator, withRedis }, [id, en]) => {
  if (id === 'off' && en === undefined) {
    await withRedis((redis, keyspace) =>
      setSwitch(
        redis,
        keyspace,
        { what: 'notice', notice: undefined },
        { changedBy: operator, reason: 'taken down' },
      ),
    );
    console.log('The notice is taken down.');
    return;
  }
  if (en === undefined)
    throw new Refused('A notice is in both languages: notice INDONESIAN ENGLISH, or: notice off');
  const asked = checked(notice, 'The notice', { id, en });
  await withRedis((redis, keyspace) =>
    setSwitch(redis, keyspace, { what: 'notice', notice: asked }, { changedBy: operator, reason: 'put up' }),
  );
  console.log('Every status, catalogue answer and refusal carries it within a second.');
};

export const showSwitches: Command = async ({ withRedis }) => {
  const { on, notice: shown } = await withRedis(readSwitches);
  for (const name of SWITCHES) console.log(`${name}: ${on.has(name) ? 'on' : 'off'}`);
  console.log(shown === undefined ? 'notice: none' : `notice: ${shown.id} / ${shown.en}`);
};
