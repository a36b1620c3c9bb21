import { noticeInput, readSwitches, setNotice, setSwitch, switchInput } from '@antrean/backoffice';
import { z } from 'zod';
import { checked, type Command, done, InvalidInputError } from './command.ts';

/** Works while PostgreSQL is away. */
export const turnSwitch: Command = {
  words: 'maintenance|read_only on|off REASON',
  summary: 'closes the shop, or lets clients only read',
  redis: 'needed',
  async run(context, [what, to, reason]) {
    const on = checked(z.enum(['on', 'off']), 'on|off', to) === 'on';
    const asked = checked(switchInput, 'The switch', { what, on, reason });
    const answer = await setSwitch(context, asked);
    return done(answer, `${asked.what} is ${to}, everywhere within a second.`);
  },
};

export const notice: Command = {
  words: 'off|INDONESIAN [ENGLISH]',
  summary: 'shows a message to all customers; notice off removes it',
  redis: 'needed',
  async run(context, [id, en]) {
    if (id === 'off' && en === undefined) {
      return done(await setNotice(context, null), 'The notice is removed.');
    }
    if (en === undefined) {
      throw new InvalidInputError('A notice needs both languages: notice INDONESIAN ENGLISH, or: notice off');
    }
    const answer = await setNotice(context, checked(noticeInput, 'The notice', { id, en }));
    return done(answer, 'Every status, catalogue answer and refusal carries the notice within a second.');
  },
};

export const switches: Command = {
  words: '',
  summary: 'shows the switches and the notice',
  redis: 'needed',
  async run(context) {
    const { switches: all, notice: shown } = await readSwitches(context);
    const lines = Object.entries(all).map(([name, isOn]) => `${name}: ${isOn ? 'on' : 'off'}`);
    lines.push(shown === null ? 'notice: none' : `notice: ${shown.id} / ${shown.en}`);
    return done({ switches: all, notice: shown }, lines.join('\n'));
  },
};
