import { openDatabase, type Database } from '../../src/platform/database/open.ts'
import { createDatabaseIn } from './postgres.ts'

/** The PostgreSQL that `postgresql.test.ts` runs other tests on; undefined: they run on SQLite. */
const server = process.env['PLIMSOLL_TEST_POSTGRES']

/** A fresh store for a test: in memory, or a new database on that PostgreSQL. */
export const openTestDatabase = async (nowMs: number): Promise<Database> =>
  openDatabase(server ? await createDatabaseIn(server) : ':memory:', { nowMs })
