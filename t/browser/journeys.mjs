// The ten journeys of PRODUCT.md in Chromium, each on a phone's width and on a
// desk's, each with script and without, in a language that is read from left to
// right and in one that is read from right to left.
//
//     node t/browser/journeys.mjs [PATTERN]     all, or those whose name matches

import { Rig, help, sleep, until } from './lib/rig.mjs';
import { Phone } from './lib/phone.mjs';
import { run, test } from './lib/tap.mjs';
import { Visitor, launch } from './lib/visitor.mjs';

const variants = [
	{ js: true, width: 390, dark: false, lang: 'de' },
	{ js: true, width: 1280, dark: true, lang: 'ar' },
	{ js: false, width: 390, dark: true, lang: 'ar' },
	{ js: false, width: 1280, dark: false },
];

const users = [];
const only = process.argv[2] && new RegExp(process.argv[2]);
let rig, browser;


// fn gets: what to check with, a visitor, the name of a user of its own.

function journey(name, fn, options = {}) {
	for (const how of variants) {
		const full = `${name}, ${how.width} px, script ${how.js ? 'on' : 'off'}, ${how.lang || 'en'}`;
		const user = `u${users.length}`;

		if (only && !only.test(full)) continue;
		users.push(user);
		test(full, async (t) => {
			const v = await Visitor.open(browser, how, t, rig, options.at ? rig[options.at] : rig.origin);

			try {
				await fn(t, v, user);
			} catch (e) {
				e.stack += `\nthe page was ${v.page.url()} (${v.status}): ${await v.words().catch(() => '?')}`;
				throw e;
			} finally {
				await v.close();
			}
		});
	}
}


const none = (text, codes) => !codes.some((c) => text.includes(c) || text.includes(c.replaceAll('-', '')));

const left = async (v) => Number(await v.page.getAttribute('#totp-shown', 'data-expires-in'));


// What a button copies.  The browser has one clipboard for all visitors: one
// after the other, and nothing of the last one in it.

let clipboard = Promise.resolve();

function copied(v, button) {
	const mine = clipboard.then(async () => {
		await v.context.grantPermissions(['clipboard-read', 'clipboard-write']);
		await v.page.bringToFront();
		await v.page.evaluate(() => navigator.clipboard.writeText('nothing'));
		await v.page.click(button);

		return until('the clipboard', async () => {
			const text = await v.page.evaluate(() => navigator.clipboard.readText());
			return text != 'nothing' && text;
		});
	});

	clipboard = mine.catch(() => {});

	return mine;
}


// Opens the application and says who it takes the visitor for.

async function through(t, v, user, what, where = '/') {
	await v.go(where);
	await v.at('application', what);
	t.is(await v.text('#user'), user, `${what}: as ${user}`);
}


async function stopped(t, v, what) {
	const before = rig.hits.length;

	await v.go('/stopped');
	await v.at('login', what);
	t.ok(!rig.hits.slice(before).some((h) => h.url == '/stopped'), `${what}: the application was not asked`);
}


journey('1 enable', async (t, v, user) => {
	await v.go('/2fa/settings');
	await v.at('login', 'nobody is led to sign in');
	t.is(v.next(), '/2fa/settings', 'and back to the settings');
	await v.password(user);
	await v.at('settings', 'the settings');
	t.ok((await v.text('header')).includes(user), 'say who is signed in');
	t.is(await v.visible('main .badge.on'), 0, 'it is off');

	await v.click('main a[href$="/setup"]');
	await v.at('setup', 'the instructions');
	t.is(await v.visible('.steps > li'), 4, 'in four steps');

	const link = await v.otpauth();
	const secret = new URL(link).searchParams.get('secret');

	t.is(await v.scan(), link, 'the picture, as a camera reads it, is the link');
	t.ok(link.startsWith('otpauth://totp/') && decodeURIComponent(link).includes(user), 'which names the user', link);
	t.is(new URL(link).searchParams.get('issuer'), 'Example & Corp', 'and the issuer');
	t.is((await v.text('.key code')).replace(/\s/g, ''), secret, 'the same key as text');

	if (v.how.js) {
		t.is(await copied(v, '[data-copy]'), secret, 'can be copied');
	} else {
		t.is(await v.visible('[data-copy]'), 0, 'no button that does nothing');
	}

	const phone = new Phone(link);

	await v.code(phone.wrong());
	await v.at('setup', 'a wrong code stays here');
	t.is(v.status, 401, 'status');
	t.is(await v.visible('#totp-error[role=alert]'), 1, 'says what is wrong');
	t.is(await v.page.getAttribute('#totp-code', 'aria-invalid'), 'true', 'at the field');
	t.ok(/^[^–]*:/.test(await v.page.title()), 'and in the title', await v.page.title());
	t.is(await v.otpauth(), link, 'the same picture stays');
	t.ok(!rig.fields(user).includes('secret'), 'nothing is enabled');
	await v.go('/2fa/setup');
	t.is(await v.otpauth(), link, 'also when the page is opened again');

	const elsewhere = await v.other();

	await elsewhere.go('/2fa/settings');
	await elsewhere.password(user);
	await elsewhere.at('settings', 'another session needs no code yet');

	await v.fill('#totp-code', (await phone.next()).replace(/(...)/, '$1 '));
	await v.click('main form:has(#totp-code) button.main');
	await v.at('backup-codes', 'a right code, with a space, enables');
	t.ok(rig.fields(user).includes('secret'), 'Redis has the secret');
	t.is((await v.codes()).length, 5, 'five codes');
	await v.go('/2fa/settings');
	t.is(await v.visible('.badge.on'), 1, 'it is on');
	t.ok((await v.count('.events li')) >= 1, 'and among the events');
	await through(t, v, user, 'goes through');

	await stopped(t, elsewhere, 'the other session has ended');
});


journey('1 enable where the gate demands it', async (t, v, user) => {
	await v.go('/wiki?page=1&x=%26');
	await v.at('login');
	t.is(v.next(), '/wiki?page=1&x=%26', 'what was asked for');
	await v.password(user);
	await v.at('setup', 'is led to set it up');
	t.ok(await v.visible('main .note'), 'and told why');
	t.is(rig.seen(user).length, 0, 'the application was not asked');

	const phone = new Phone(await v.otpauth());

	await v.code(await phone.next());
	await v.at('backup-codes');
	await v.click('#totp-shown a[data-next]');
	await v.at('application', 'then the page first asked for');
	t.is(await v.text('#url'), '/wiki?page=1&x=%26', 'with its query');
	t.is(await v.text('#user'), user, 'as the user');
});


journey('2 backup codes on show', async (t, v, user) => {
	const { codes } = await v.enable(user, '/deep?a=1');

	t.is(new Set(codes).size, 5, 'five codes');
	for (const code of codes) t.ok(/^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}$/.test(code), 'in Crockford\'s alphabet', code);
	t.ok((await v.text('#totp-for')).includes(user), 'whose they are');

	const first = await left(v);

	t.ok(first > 15 && first <= 30, 'for thirty seconds', first);

	if (v.how.js) {
		const shown = Number(await v.text('#totp-seconds'));

		t.ok(shown > 0 && shown <= 30, 'the countdown is to be seen', shown);
		await until('the countdown to move', async () => Number(await v.text('#totp-seconds')) < shown);
		t.ok(true, 'and moves');

		t.is((await copied(v, '[data-codes=copy]')).trim().split(/\s+/).join(), codes.join(), 'copy');
		t.ok(/\S/.test(await v.page.textContent('#totp-live')), 'and says so to a screen reader');

		const [download] = await Promise.all([v.page.waitForEvent('download'), v.page.click('[data-codes=download]')]);
		let file = '';
		for await (const part of await download.createReadStream()) file += part;
		t.ok(codes.every((c) => file.includes(c)) && file.includes(user), 'download', file);
		t.ok(/\.txt$/.test(download.suggestedFilename()), 'as a text file', download.suggestedFilename());

		await v.page.evaluate(() => { window.print = () => { document.title = 'printed' } });
		await v.page.click('[data-codes=print]');
		t.is(await v.page.title(), 'printed', 'print');
	} else {
		t.is(await v.visible('[data-codes]'), 0, 'no buttons that do nothing');
		t.is(await v.visible('#totp-seconds'), 0, 'no countdown that stands still');
		t.ok(await v.visible('[data-nojs]'), 'but words about the time');
	}

	await v.page.emulateMedia({ media: 'print' });
	t.is(await v.visible('#totp-codes code'), 5, 'on paper: the codes');
	t.is(await v.visible('button, .button'), 0, 'and no buttons');
	await v.page.emulateMedia({ media: 'screen' });

	await sleep(1100);
	await v.reload();
	t.is((await v.codes()).join(), codes.join(), 'a reload shows the same');

	const second = await left(v);

	t.ok(second < first, 'with the time that is left', `${second} of ${first}`);

	const same = await v.tab();
	await same.goto(v.page.url());
	t.is((await v.codes(same)).join(), codes.join(), 'as does another tab of this session');
	await same.close();

	await v.click('form:has([name=more]) button');
	await v.at('backup-codes', 'more time');
	t.is((await v.codes()).join(), codes.join(), 'the same codes');
	t.ok(await left(v) > second + 15, 'for longer', await left(v));
	t.is(await v.page.getAttribute('#totp-shown a[data-next]', 'href'), '/deep?a=1', 'still leads on');

	for (let i = 2; i <= 10; i++) await v.click('form:has([name=more]) button');
	t.is((await v.codes()).join(), codes.join(), 'ten times');
	t.ok(await left(v) > 240, 'adds up', await left(v));
	t.is(await v.count('form [name=more]'), 0, 'and no more');

	await v.click('#totp-shown a[data-next]');
	await v.at('application', 'I have saved them');
	t.is(await v.text('#url'), '/deep?a=1', 'leads to what was asked for');
});


journey('2 backup codes, once', async (t, v, user) => {
	const { phone, codes } = await v.enable(user);
	t.is(codes.length, 5, 'five codes');

	const elsewhere = await v.other();

	await elsewhere.signIn(user, await phone.next(), '/2fa/backup-codes');
	await elsewhere.at('backup-codes', 'another session');
	t.ok(none(await elsewhere.page.content(), codes), 'is shown none of them');

	if (v.how.js) {
		await v.page.waitForSelector('#totp-shown', { state: 'detached' });
		t.ok(true, 'they vanish by themselves');
		t.is(await v.visible('#totp-gone'), 1, 'and the page says so');
		t.ok(/\S/.test(await v.page.textContent('#totp-live')), 'to a screen reader too');
		t.ok(none(await v.page.content(), codes), 'nothing of them is left in the page');
		await v.look();
	}

	// What Redis had of them ends with the time on show.
	await until('the server to forget', () => !rig.redis('KEYS', `totp:codes:{default:${user}}*`), 8000);
	await v.reload();
	t.is(v.status, 200, 'a reload');
	t.is((await v.codes()).length, 0, 'shows no codes');
	t.ok(none(await v.page.content(), codes), 'at all');
	await v.look();

	await v.go('/2fa/settings');
	await v.back();
	await v.at('backup-codes', 'the back button');
	t.ok(none(await v.page.content(), codes), 'does not bring them back');

	const tab = await v.tab();

	await tab.goto(`${rig.short}/2fa/backup-codes`);
	t.ok(none(await tab.content(), codes), 'nor does a new tab');
	await tab.close();
	await elsewhere.reload();
	t.ok(none(await elsewhere.page.content(), codes), 'nor another session');
}, { at: 'short' });


// Left while they are on show, come back to when they are not.

journey('2 backup codes and the back button', async (t, v, user) => {
	const { codes } = await v.enable(user);

	await v.go('/2fa/settings');
	await until('the server to forget', () => !rig.redis('KEYS', `totp:codes:{default:${user}}*`), 8000);
	await v.back();
	await v.at('backup-codes', 'back');
	t.is(await v.visible('#totp-codes code'), 0, 'no codes');
	t.ok(none(await v.page.content(), codes), 'none at all');
	await v.page.goForward();
	await v.at('settings', 'forward');
	await v.back();
	t.ok(none(await v.page.content(), codes), 'and back again');
}, { at: 'short' });


journey('3 sign in', async (t, v, user) => {
	const { phone } = await v.enable(user);
	const w = await v.other();
	const where = `/wiki?page=2${v.how.js ? '#part' : ''}`;
	const before = rig.seen(user).length;

	await w.go(where);
	await w.at('login');
	await w.password(user, 'wrong');
	await w.at('login', 'a wrong password stays here');
	t.is(w.status, 401, 'status');
	t.is(await w.visible('[role=alert]'), 1, 'says so');
	t.is(await w.page.inputValue('#totp-username'), user, 'keeps the name');
	t.is(await w.page.inputValue('#totp-password'), '', 'not the password');

	if (v.how.js) {
		const show = w.page.locator('[data-show]');

		await w.fill('#totp-password', 'x');
		await show.click();
		t.is(await w.page.getAttribute('#totp-password', 'type'), 'text', 'can be shown');
		await show.click();
		t.is(await w.page.getAttribute('#totp-password', 'type'), 'password', 'and hidden');
	} else {
		t.is(await w.visible('[data-show]'), 0, 'no button that does nothing');
	}

	// The keyboard alone, with what has the focus at the start.
	await w.go(where);
	t.is(await w.focus('totp-username'), 'totp-username', 'the name has the focus');
	await w.page.keyboard.type(user);
	for (let i = 0; i < 3 && await w.page.evaluate(() => document.activeElement.id) != 'totp-password'; i++) {
		await w.page.keyboard.press('Tab');
	}
	await w.page.keyboard.type(rig.passwords[user]);
	await w.leads(() => w.page.keyboard.press('Enter'));
	await w.at('code', 'then the code');
	t.is(await w.focus('totp-code'), 'totp-code', 'which has the focus');
	t.is(await w.page.getAttribute('#totp-code', 'autocomplete'), 'one-time-code', 'and is known to password managers');
	t.ok((await w.text('.who')).includes(user), 'says whose code');

	await w.page.keyboard.type(phone.wrong());
	await w.leads(() => w.page.keyboard.press('Enter'));
	await w.at('code', 'a wrong code stays here');
	t.is(w.status, 401, 'status');
	t.is(await w.visible('[role=alert]'), 1, 'says so');
	t.is(await w.focus('totp-code'), 'totp-code', 'has the focus again');
	t.is(rig.seen(user).length, before, 'the application was not asked');

	const code = await phone.next();

	await w.page.keyboard.type(code);
	await w.leads(() => w.page.keyboard.press('Enter'));
	await w.at('application', 'then the page asked for');
	t.is(await w.text('#url'), '/wiki?page=2', 'with its query');
	t.is(await w.text('#user'), user, 'as the user');
	t.is(new URL(w.page.url()).hash, v.how.js ? '#part' : '', 'and its fragment');
	t.ok(!rig.seen(user).some((h) => /totp/.test(h.cookie)), 'the application never sees our cookie');

	const x = await v.other();

	await x.signIn(user, code);
	await x.at('code', 'the same code again is refused');
	t.is(x.status, 401, 'status');
	await stopped(t, await v.other(), 'nobody else goes through');
});


// A form that was filled in before signing in: nothing of it is lost.

journey('3 sign in with a form on the way', async (t, v, user) => {
	const { phone } = await v.enable(user);

	await v.go('/form');
	await v.fill('[name=text]', 'what I typed');
	await v.context.clearCookies();
	await v.leads(() => v.page.click('text=Save'));
	await v.at('error', 'is told to sign in');
	t.is(v.status, 401, 'status');
	t.ok(!rig.hits.some((h) => h.method == 'POST' && h.user == user), 'not sent on');

	const form = v.page;
	const opens = v.context.waitForEvent('page');

	await form.click('main a[target=_blank]');

	const opened = await opens;

	await opened.waitForLoadState();
	v.page = await v.tab();
	await v.go(opened.url());
	await opened.close();
	await v.at('login', 'in another tab');
	await v.password(user);
	await v.at('code');
	await v.code(await phone.next());
	t.ok(v.status < 400, 'signs in', v.status);

	v.page = form;
	await v.reload();
	await v.at('application', 'and sends it again');
	t.is(new URLSearchParams(await v.text('#body')).get('text'), 'what I typed', 'with what was typed');
});


journey('4 sign in with a backup code', async (t, v, user) => {
	const { codes } = await v.enable(user);
	const ways = [
		(c) => c,
		(c) => c.toUpperCase().replaceAll('-', ' '),
		(c) => c.replaceAll('-', ''),
		(c) => c.replaceAll('-', '.').replaceAll('0', 'o').replaceAll('1', 'L'),
		(c) => c.replaceAll('-', '\u2013'),
	];

	for (const [i, code] of codes.entries()) {
		const w = await v.other();
		const remain = codes.length - 1 - i;

		if (i % 2) {
			await w.go(`/page-${i}`);
			await w.password(user);
			await w.page.click('.lost summary');
			await w.look();
			await w.fill('#totp-backup', ways[i](code));
			await w.click('form:has(#totp-backup) button');
		} else {
			await w.signIn(user, ways[i](code), `/page-${i}`);
		}

		await w.at('backup-codes', `${code} lets in`);
		t.ok(new RegExp(`\\b${remain}\\b`).test(await w.text('main')), `says that ${remain} are left`, await w.words());
		t.is(await w.visible('#totp-gone .note.warn'), remain <= 2 ? 1 : 0, `${remain} left: urged to renew, or not`);
		await w.click('#totp-gone a[data-next]');
		await w.at('application', 'then what was asked for');
		t.is(await w.text('#url'), `/page-${i}`, 'with its address');

		if (remain == 2) {
			await w.go('/2fa/settings');
			t.is(await w.visible('main .note.warn'), 1, 'the settings urge too');
		}
	}

	const w = await v.other();

	await w.signIn(user, codes[0]);
	await w.at('code', 'a second time it is refused');
	t.is(w.status, 401, 'status');
	await w.page.click('.lost summary');
	await w.fill('#totp-backup', codes[1]);
	await w.click('form:has(#totp-backup) button');
	await w.at('code', 'in either field');
	if (v.how.js) t.is(await w.focus('totp-backup'), 'totp-backup', 'which is open again');
	t.is(rig.fields(user).filter((f) => f.startsWith('backup:')).length, 0, 'Redis has none left');
});


// Where the second factor is not fresh any more: the code first, then back.

journey('5 renew backup codes', async (t, v, user) => {
	const { phone, codes } = await v.enable(user);

	await until('the show to end', () => !rig.redis('KEYS', `totp:codes:{default:${user}}*`), 8000);
	await v.go('/2fa/settings');
	await v.click('main a[href$="/backup-codes"]');
	await v.at('backup-codes');
	await v.click('#totp-gone form button');
	await v.at('code', 'the code is asked for again');
	t.ok((v.next() || '').startsWith('/2fa/backup-codes'), 'and leads back', v.next());
	t.ok(await v.visible('main a[href$="/settings"]'), 'or away');
	await v.fill('#totp-code', await phone.next());
	await v.click('main form:has(#totp-code) button.main');
	await v.at('backup-codes', 'back');
	t.is((await v.codes()).length, 0, 'nothing is renewed by that alone');
	await v.click('#totp-gone form button');
	await v.at('backup-codes', 'new ones');

	const fresh = await v.codes();

	t.is(fresh.length, 5, 'five');
	t.ok(!fresh.some((c) => codes.includes(c)), 'all new');

	const w = await v.other(rig.origin);

	await w.signIn(user, codes[0]);
	await w.at('code', 'an old one is refused');
	t.is(w.status, 401, 'status');
	await w.code(fresh[0]);
	await w.at('backup-codes', 'a new one is not');

	await until('the show to end', () => !rig.redis('KEYS', `totp:codes:{default:${user}}*`), 8000);
	if (v.how.js) await v.page.waitForSelector('#totp-shown', { state: 'detached' });
	await v.reload();
	t.ok(none(await v.page.content(), fresh), 'the new ones are gone after their time');
}, { at: 'short' });


journey('6 disable', async (t, v, user) => {
	const { phone, codes } = await v.enable(user);
	const elsewhere = await v.other();

	await elsewhere.signIn(user, await phone.next());
	await elsewhere.at('application');
	await v.go('/2fa/settings');
	await v.click('main a[href$="/disable"]');
	await v.at('disable', 'is asked whether');
	t.ok(await v.visible('main .note.warn'), 'told that it is needed here');
	await v.click('main a[href$="/settings"]');
	await v.at('settings', 'can leave it on');
	t.ok(rig.fields(user).includes('secret'), 'nothing has changed');

	await v.click('main a[href$="/disable"]');
	await v.click('form[action$="/disable"] button');
	await v.at('settings', 'done');
	t.is(await v.visible('.badge.on'), 0, 'it is off');
	t.is(rig.fields(user).filter((f) => f == 'secret' || f.startsWith('backup')).join(), '', 'Redis has neither secret nor codes');

	const before = rig.seen(user).length;

	await v.go('/private');
	await v.at('setup', 'is led to set it up again');
	t.ok(await v.visible('main .note'), 'and told why');
	t.is(rig.seen(user).length, before, 'the application was not asked');
	await until('the other session to end', async () => {
		await elsewhere.go('/elsewhere');
		return await elsewhere.where() == 'login';
	}, 10000);
	t.ok(true, 'the other session has ended');

	await v.code(await phone.next());
	await v.at('setup', 'the old app is of no use');

	const again = new Phone(await v.otpauth());

	t.ok(again.secret != phone.secret, 'the key is a new one');
	await v.code(await again.next());
	await v.at('backup-codes', 'enabled again');
	t.ok(!(await v.codes()).some((c) => codes.includes(c)), 'with new codes');
});


journey('7 wrong clock', async (t, v, user) => {
	const { phone } = await v.enable(user);
	const w = await v.other();
	const said = [];

	await w.go('/clock');
	await w.password(user);

	for (const steps of [7, -8]) {
		await w.code(phone.off(steps));
		await w.at('code', 'refused');
		t.is(w.status, 401, 'status');
		said.push(await w.text('#totp-error strong'));
		t.ok(/\d/.test(said.at(-1)), 'says by how much', said.at(-1));
		t.is(await w.visible('main > details:not(.lost)'), 2, 'help for two systems');
	}
	// by words that may stand behind the number: "vor" and "nach"
	t.ok(said[0].replace(/\d+/, '') != said[1].replace(/\d+/, ''), 'and which way', said.join(' / '));

	for (const box of await w.page.locator('main > details:not(.lost)').all()) {
		await box.locator('summary').click();
		t.ok(await box.locator('p').isVisible(), 'the help opens');
	}
	await w.look();

	await w.code(phone.off(15));
	await w.at('code');
	t.is(await w.visible('main > details:not(.lost)'), 0, 'further off it is only wrong');
	await w.code(await phone.next());
	await w.at('application', 'a right code lets in');
	t.is(await w.text('#url'), '/clock', 'to what was asked for');
});


journey('7 wrong clock while enabling', async (t, v, user) => {
	await v.go('/');
	await v.password(user);
	await v.at('setup');

	const link = await v.otpauth();
	const phone = new Phone(link);

	await v.code(phone.off(8));
	await v.at('setup', 'refused');
	t.ok(/\d/.test(await v.text('#totp-error strong')), 'says by how much');
	t.is(await v.visible('.steps details'), 2, 'and helps');
	t.is(await v.otpauth(), link, 'the same picture');
	t.ok(!rig.fields(user).includes('secret'), 'nothing is enabled');
	await v.code(await phone.next());
	await v.at('backup-codes', 'a right code enables');
});


journey('8 new phone', async (t, v, user) => {
	const { phone, codes } = await v.enable(user);
	const count = () => rig.fields(user).filter((f) => f.startsWith('backup:')).sort().join();
	const before = count();

	await v.go('/2fa/settings');
	await v.click('main a[href$="/setup"]');
	await v.at('setup', 'another picture');

	const link = await v.otpauth();
	const fresh = new Phone(link);

	t.ok(fresh.secret != phone.secret, 'with another key');
	t.is(await v.scan(), link, 'that a camera reads');

	const w = await v.other();

	await w.signIn(user, await phone.next());
	await w.at('application', 'the old phone still works');
	await v.code(fresh.wrong());
	await v.at('setup', 'a wrong code changes nothing');
	await w.go('/');
	await w.at('application', 'nor for the others');

	await v.code(await fresh.next());
	await v.at('settings', 'done');
	t.is(await v.visible('.badge.on'), 1, 'still on');
	t.is(count(), before, 'the backup codes stay');
	await until('the other session to end', async () => {
		await w.go('/');
		return await w.where() == 'login';
	}, 10000);
	t.ok(true, 'the other session has ended');

	await w.password(user);
	await w.at('code');
	await w.code(await phone.next());
	await w.at('code', 'the old phone is refused');
	await w.code(await fresh.next());
	await w.at('application', 'the new one is not');

	const x = await v.other();

	await x.signIn(user, codes[4]);
	await x.at('backup-codes', 'and an old backup code still lets in');
});


journey('9 sign out', async (t, v, user) => {
	const { phone } = await v.enable(user);
	const w = await v.other();

	await w.signIn(user, await phone.next());
	await w.at('application');

	await v.go('/2fa/settings');
	await v.click('header form button');
	await v.at('login', 'signed out');
	await v.back();
	await v.at('login', 'the back button does not show the settings');
	await stopped(t, v, 'signed out');
	await through(t, w, user, 'the other session stays');

	await v.signIn(user, await phone.next());
	await v.go('/2fa/logout');
	await v.at('logout', 'a page that asks');
	await v.click('main a[href$="/settings"]');
	await v.at('settings', 'can stay');

	await w.go('/2fa/logout');
	await w.click('form:has([name=everywhere]) button');
	await w.at('login', 'signed out everywhere');
	await stopped(t, w, 'here');
	await until('the other session to end', async () => {
		await v.go('/');
		return await v.where() == 'login';
	}, 10000);
	t.ok(true, 'and there');
	await v.go('/2fa/settings');
	await v.at('login', 'the settings too');

	await v.password(user);
	await v.at('code');
	await v.click('main .who button');
	await v.at('login', 'somebody else can sign in, before the code');
	t.ok(!(await v.text('body')).includes(user), 'who is not told the name');
});


journey('10 phone and codes lost', async (t, v, user) => {
	const { phone } = await v.enable(user);
	const w = await v.other();

	await w.go('/lost');
	await w.password(user);
	await w.at('code');
	t.is(await w.page.locator('.lost').getByText(help).isVisible(), false, 'help is folded');
	await w.page.click('.lost summary');
	t.ok(await w.page.locator('.lost').getByText(help).isVisible(), 'and says whom to ask');

	for (const path of ['setup', 'settings', 'disable', 'backup-codes']) {
		await w.go(`/2fa/${path}`);
		t.is(await w.where(), 'code', `no way around by ${path}`);
	}

	for (let i = 1; i <= 5; i++) {
		await w.code(phone.wrong());
		t.is(w.status, 401, `wrong code ${i}`);
	}
	await w.go('/2fa/code');
	if (await w.count('#totp-code')) await w.code(phone.wrong());
	await w.at('code', 'then no more');
	t.is(w.status, 429, 'status');
	t.is(await w.visible('#totp-code'), 0, 'nothing to type in');
	t.ok(/\d/.test(await w.text('[role=alert]')), 'says how long to wait', await w.text('[role=alert]'));
	t.is(await w.visible('[role=alert]'), 1, 'aloud');
	if (!await w.page.locator('.lost').getByText(help).isVisible()) await w.page.click('.lost summary');
	t.ok(await w.page.locator('.lost').getByText(help).isVisible(), 'whom to ask is still there');

	// What an operator does: the user's record goes, its epoch moves on.
	rig.redis('EVAL', `local epoch = redis.call('HGET', KEYS[1], 'epoch') or 0
		redis.call('XADD', KEYS[2], '*', 'user', ARGV[1], 'epoch', epoch + 1)
		redis.call('DEL', KEYS[1])
		redis.call('HSET', KEYS[1], 'epoch', epoch + 1)`, '2', rig.record(user), 'totp:revoked', `default:${user}`);

	await until('the session to end', async () => {
		await v.go('/');
		return await v.where() == 'login';
	}, 10000);
	t.ok(true, 'the sessions from before have ended');
	await v.password(user);
	await v.at('setup', 'set up again');

	const again = new Phone(await v.otpauth());

	await v.code(await again.next());
	await v.at('backup-codes', 'enabled again');
});


// And what every visitor may meet.

journey('pages that say no', async (t, v, user) => {
	await v.go('/2fa/nothing-here');
	await v.at('error', 'no such page');
	t.is(v.status, 404, 'status');

	await v.go('/');
	await v.at('login');
	await v.context.clearCookies();
	await v.password(user);
	await v.at('login', 'without cookies: the form again');
	t.is(v.status, 403, 'status');
	t.is(await v.visible('[role=alert]'), 1, 'says so');
	await v.password(user);
	await v.at('setup', 'and then it works');
});


// Every language on every page, in a window of 320 pixels: nothing sticks out,
// and no text is missing.

const tags = ['ar', 'de', 'en', 'es', 'fr', 'it', 'ja', 'nl', 'pl', 'pt', 'zh-Hans'];

if (!only || only.test('languages')) {
	users.push('every');
	test('languages, 320 px', async (t) => {
		const v = await Visitor.open(browser, { js: true, width: 320, dark: false }, t, rig);

		await v.go('/2fa/login');
		const { phone } = await v.enable('every');
		await v.go('/2fa/settings');

		const w = await v.other();

		await w.go('/2fa/login');
		await w.password('every');
		await w.code(phone.wrong());

		const pages = [[v, 'settings'], [v, 'setup'], [v, 'backup-codes'], [v, 'disable'], [v, 'logout'],
			[v, 'code'], [w, 'code'], [await v.other(), 'login']];

		for (const [who, name] of pages) {
			for (const tag of tags) {
				await who.page.goto(`${rig.origin}/2fa/${name}?lang=${tag}`);
				await who.page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true }));

				const seen = await who.page.evaluate(() => ({
					page: document.body.className,
					lang: document.documentElement.lang,
					wide: document.documentElement.scrollWidth - window.innerWidth,
					out: [...document.querySelectorAll('main *, footer *, header *')]
						.filter((e) => e.checkVisibility() && !e.closest('svg') && e.scrollWidth > e.clientWidth + 1
							&& e.clientWidth && !/^(INPUT|CODE|BDI|SPAN|STRONG|A|TIME)$/.test(e.tagName))
						.map((e) => e.outerHTML.slice(0, 100)),
					bare: document.body.innerText.match(/\{\w*\}|\bt\.\w+/g),
				}));

				t.is(seen.page, `page-${name}`, `${tag}: ${name}`);
				t.is(seen.lang, tag, `${name}: in ${tag}`);
				t.ok(seen.wide <= 0 && !seen.out.length, `${tag} ${name}: nothing sticks out`, `${seen.wide} ${seen.out.join(' | ')}`);
				t.is(seen.bare, null, `${tag} ${name}: no placeholder is left`);
			}
		}
		await v.close();
	});
}


journey('a language by its link', async (t, v, user) => {
	await v.go('/wiki?page=3');
	await v.at('login');
	await v.page.click('.languages summary');
	const went = v.page.waitForURL(/lang=fr/);
	await v.page.click('.languages a[lang=fr]');
	await went;
	t.is(await v.page.getAttribute('html', 'lang'), 'fr', 'French');
	t.is(await v.page.inputValue('[name=next]'), '/wiki?page=3', 'what was asked for is kept');
	v.how = { ...v.how, lang: 'fr' };
	await v.look();
	await v.password(user);
	await v.at('setup');
	t.is(await v.page.getAttribute('html', 'lang'), 'fr', 'remembered');

	const cookie = (await v.context.cookies()).find((c) => c.name == '__Host-totp_lang');

	t.ok(cookie && cookie.value == 'fr' && cookie.expires > Date.now() / 1000 + 3e7, 'by a cookie that lasts', JSON.stringify(cookie));
});


// The example of a house style is as good as what it replaces.

journey('the example theme', async (t, v, user) => {
	await v.enable(user);
	await v.go('/2fa/logout');
	await v.at('logout', 'a page of its own');
	t.is(await v.visible('header .banner'), 1, 'a line of its own on every page');
	t.is(await v.page.evaluate(() => getComputedStyle(document.querySelector('button.main')).backgroundColor),
		v.how.dark ? 'rgb(18, 128, 92)' : 'rgb(11, 110, 79)', 'a colour of its own');
	t.ok(await v.page.evaluate(() => document.querySelector('.issuer img').naturalWidth) > 0, 'a logo');
}, { at: 'themed' });


// Colours of the system's choosing: what is told by colour is told by more.

journey('forced colours', async (t, v, user) => {
	await v.page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
	await v.go('/');
	await v.password(user, 'wrong');
	await v.at('login');
	t.ok(await v.page.evaluate(() => parseFloat(getComputedStyle(document.querySelector('.bad')).borderTopWidth)) >= 2, 'errors have a border');
	await v.password(user);
	await v.at('setup');
	t.is(await v.scan(), await v.otpauth(), 'the picture can be scanned');
	t.is(await v.page.evaluate(() => getComputedStyle(document.querySelector('button.main')).transitionDuration), '0s', 'nothing moves');
});


try {
	rig = await Rig.start(users);
	browser = await launch();

	const good = await run(2, {
		name: 'the end',
		fn: async (t) => {
			await browser.close();
			t.is(await rig.stop(), 0, 'nginx leaves with 0');
			t.is(rig.complaints().join('\n'), '', 'its log is clean');
		},
	});

	process.exit(good ? 0 : 1);
} catch (e) {
	console.log(`Bail out! ${e.stack}`);
	process.exit(255);
}
