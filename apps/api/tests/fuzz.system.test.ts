import { fuzz } from './fuzz.ts';

fuzz(10_000);
