// Saves a picture of every page in every state, light and dark, on a phone and on
// a desk, in German and in Arabic, and of the example of a house style:
//
//     node t/browser/lib/screenshots.mjs DIR [PATTERN]
//
// PATTERN chooses among the looks, "390-light-en" and the like.

import fs from 'node:fs';
import path from 'node:path';
import { Phone } from './phone.mjs';
import { Rig } from './rig.mjs';
import { Checks } from './tap.mjs';
import { Visitor, launch } from './visitor.mjs';

const dir = process.argv[2];

if (!dir) {
	console.error('usage: screenshots.mjs DIR');
	process.exit(2);
}
fs.mkdirSync(dir, { recursive: true });

const only = process.argv[3] && new RegExp(process.argv[3]);
const looks = [
	{ width: 390 }, { width: 390, dark: true }, { width: 1280 }, { width: 1280, dark: true },
	{ width: 390, lang: 'de' }, { width: 390, lang: 'ar', dark: true }, { width: 1280, lang: 'ar' },
	{ width: 1280, lang: 'ja' }, { width: 1280, themed: true }, { width: 390, themed: true, dark: true },
].map((look) => ({ js: true, dark: false, lang: 'en', ...look }))
	.filter((look) => !only || only.test(name(look)));

function name(look) {
	return `${look.width}-${look.dark ? 'dark' : 'light'}-${look.themed ? 'themed' : look.lang}`;
}
const rig = await Rig.start(looks.map((_, i) => `alice${i || ''}`));
const browser = await launch();


async function walk(how, user) {
	const t = new Checks();
	const v = await Visitor.open(browser, how, t, rig, how.themed ? rig.themed : rig.origin);
	const shot = (state, w = v) => w.page.screenshot({
		path: path.join(dir, `${state}-${name(how)}.png`), fullPage: true,
	});

	await v.go('/');
	await shot('login');
	await v.page.click('.languages summary');
	await shot('login-languages');
	await v.password(user, 'wrong');
	await shot('login-wrong');
	await v.go('/2fa/settings');
	await v.password(user);
	await shot('settings-off');
	await v.go('/');
	await shot('setup');

	const phone = new Phone(await v.otpauth());

	await v.code(phone.wrong());
	await shot('setup-wrong');
	await v.code(phone.off(8));
	await shot('setup-clock');
	await v.code(await phone.next());
	await shot('backup-codes');

	const codes = await v.codes();

	await v.page.emulateMedia({ media: 'print' });
	await shot('backup-codes-print');
	await v.page.emulateMedia({ media: 'screen' });

	const shown = v.page;

	v.page = await v.tab();
	await v.go('/2fa/settings');
	await shot('settings-on');

	for (const name of ['setup', 'disable', 'logout', 'code', 'nothing-here']) {
		await v.go(`/2fa/${name}`);
		await shot({ setup: 'new-phone', code: 'code-fresh', 'nothing-here': 'error' }[name] || name);
	}

	const w = await v.other();

	await w.go('/');
	await w.password(user);
	await shot('code', w);
	await w.page.click('.lost summary');
	await shot('code-lost', w);
	await w.code(phone.off(-8));
	await shot('code-clock', w);
	await w.code(phone.wrong());
	await shot('code-wrong', w);

	for (const [i, code] of codes.entries()) {
		const x = i ? await v.other() : w;

		if (i) {
			await x.go('/');
			await x.password(user);
		}
		await x.code(code);
		await shot(['backup-used', 'backup-used', 'backup-low', 'backup-low', 'backup-none'][i], x);
	}
	await v.go('/2fa/settings');
	await shot('settings-none-left');
	await shown.waitForSelector('#totp-shown', { state: 'detached', timeout: 40000 });
	await shot('backup-gone', { page: shown });

	const y = await v.other();

	await y.go('/');
	await y.password(user);
	for (let i = 0; i < 6; i++) await y.code(phone.wrong());
	await shot('code-locked', y);

	await v.go('/form');
	await v.context.clearCookies();
	await v.leads(() => v.page.click('text=Save'));
	await shot('error-send-again');

	for (const text of t.failed) console.error(`${name(how)}: ${text}`);
	if (t.failed.length) process.exitCode = 1;
	await v.context.close();
}


try {
	const left = looks.map((how, i) => () => walk(how, `alice${i || ''}`));
	const hand = async () => { for (let next; (next = left.shift());) await next() };

	await Promise.all([hand(), hand(), hand()]);
	console.log(`${fs.readdirSync(dir).length} pictures in ${dir}`);
} finally {
	await browser.close();
	await rig.stop();
}
process.exit();
