// Real applications behind the gate, each used by somebody in Chromium before
// and after a session ends in the middle.
//
//     node t/applications/run.mjs [PATTERN]     all, or those whose name matches

import { run, test } from '../browser/lib/tap.mjs';
import { launch } from '../browser/lib/visitor.mjs';
import { Person } from './lib/person.mjs';
import { Site } from './lib/site.mjs';
import * as dokuwiki from './dokuwiki.mjs';
import * as nodeRed from './node-red.mjs';
import * as tiddlywiki from './tiddlywiki.mjs';
import * as verdaccio from './verdaccio.mjs';

const user = 'alice';
const only = process.argv[2] && new RegExp(process.argv[2]);
let browser;


function application({ what, use }) {
	if (only && !only.test(what.name)) return;
	test(what.name, async (t) => {
		const site = await Site.start([user], { what });
		let person;

		try {
			person = await Person.arrive(t, browser, site, user);
			await use(t, person, site);
		} catch (e) {
			e.stack += `\nthe page was ${person?.page.url()}`;
			if (process.env.TOTP_KEEP) await person?.page.screenshot({ path: site.file('page.png') }).catch(() => {});
			throw e;
		} finally {
			await person?.leave();
			t.is(await site.stop(), 0, 'nginx leaves with 0');
			t.is(site.complaints().join('\n'), '', 'its log is clean');
		}
	});
}


[nodeRed, tiddlywiki, verdaccio, dokuwiki].forEach(application);

try {
	browser = await launch();

	const good = await run(2, { name: 'the end', fn: async (t) => { await browser.close(); t.ok(true, 'the browser ends') } });

	process.exit(good ? 0 : 1);
} catch (e) {
	console.log(`Bail out! ${e.stack}`);
	process.exit(255);
}
