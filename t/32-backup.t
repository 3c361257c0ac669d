# Backup codes: journeys 2, 4 and 5.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave)],
    servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_short%;
        server_name  localhost;
        totp         on;
        totp_backup_codes          8;
        totp_backup_codes_display  2s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

sub half {
    my ($user) = @_;
    return $t->client->half($user);
}


# On show, right after enabling.

my $alice = $t->client->ready('alice');
my $e = $alice->{enrolled};
my @codes = @{ $e->{codes} };
is($e->{backup}->status, 200, 'backup-codes');
is(scalar @codes, 5, 'five codes');
for (@codes) {
    like($_, qr/^[0-9a-hjkmnp-tv-z]{4}(?:-[0-9a-hjkmnp-tv-z]{4}){3}$/,
         'in Crockford\'s alphabet, four by four');
}
my %once = map { ($_ => 1) } @codes;
is(scalar keys %once, 5, 'all different');
my $left = $e->{backup}->json->{expires_in};
ok($left > 25 && $left <= 30, "30 seconds ($left)");

my $r = $alice->page('backup-codes');
is_deeply($r->json->{codes}, \@codes, 'a reload shows the same');
cmp_ok($r->json->{expires_in}, '<=', $left, 'with the time that is left');
my $page = $alice->get_html('/2fa/backup-codes?next=/deep');
for (@codes) { like($page->body, qr/\Q$_/, 'the page shows them') }
like($page->body, qr{href="/deep"}, 'and leads on to next');

# Only to the session that made them.

my $other = $t->client;
is($other->sign_in('alice')->stage, 'full', 'another session');
$r = $other->page('backup-codes');
is($r->status, 200, 'sees the page');
is_deeply($r->json->{codes}, [], 'but no codes');
is($r->json->{expires_in}, 0, 'expires_in 0');
is_error($t->client->page('backup-codes'), 401, 'login_required',
         'nobody sees nothing');
$r = $other->act('backup-codes', { more => 1 });
is_deeply($other->page('backup-codes')->json->{codes}, [],
          'more with nothing on show changes nothing');

# More time, ten times.

my $before = $alice->page('backup-codes')->json->{expires_in};
for my $n (1 .. 10) {
    $r = $alice->act('backup-codes', { more => 1 });
    is($r->status, 200, "more time, $n") or diag $r->body;
    is($r->target_path, '/2fa/backup-codes', 'leads to itself');
}
$r = $alice->page('backup-codes');
is_deeply($r->json->{codes}, \@codes, 'the same codes');
my $now = $r->json->{expires_in};
ok($now > $before + 295 && $now <= $before + 300, "each adds 30 seconds ($now)");
$r = $alice->act('backup-codes', { more => 1 });
$r = $alice->page('backup-codes');
cmp_ok($r->json->{expires_in}, '<=', $now, 'an eleventh changes nothing');
is_deeply($r->json->{codes}, \@codes, 'and makes no new set');


# Gone from the server afterwards.

my $dave = $t->client(port => 'short');
$dave->login('dave');
my $d = $dave->enroll('dave');
my $shown = now();
is(scalar @{ $d->{codes} }, 8, 'totp_backup_codes');
my $in = $d->{backup}->json->{expires_in};
ok($in > 0 && $in <= 2, 'totp_backup_codes_display');
$dave->act('backup-codes', { more => 1 });
$r = $dave->page('backup-codes');
ok($r->json->{expires_in} > 2 && $r->json->{expires_in} <= 4, 'more adds two');
is(scalar @{ $r->json->{codes} }, 8, 'still on show');
wait_until(sub { now() - $shown > 4.5 }, 10);
$r = $dave->page('backup-codes');
is($r->status, 200, 'afterwards: 200');
is_deeply($r->json->{codes}, [], 'no codes');
is($r->json->{expires_in}, 0, 'expires_in 0');
$dave->act('backup-codes', { more => 1 });
is_deeply($dave->page('backup-codes')->json->{codes}, [], 'no more time');
$page = $dave->get_html('/2fa/backup-codes');
is($page->status, 200, 'the page');
for (@{ $d->{codes} }) { unlike($page->body, qr/\Q$_/, '[attack 33] shows none') }
is($t->leaks($t->redis->dump, skip => ['code']), 0, '[attack 34] Redis has none of them')
    or diag $t->leaks($t->redis->dump, skip => ['code']);


# Signing in with one.

my $c = half('alice');
$r = $c->code($codes[0]);
is($r->stage, 'full', 'a backup code signs in') or diag $r->body;
through($c->get('/x'), 'and opens the gate');
is($c->page('settings')->json->{backup_codes_left}, 4, 'four are left');
is_error(half('alice')->code($codes[0]), 401, 'bad_code', '[attack 31] once only');

my %typed = (
    'capitals' => sub { uc $_[0] },
    'no hyphens' => sub { $_[0] =~ s/-//gr },
    'spaces' => sub { $_[0] =~ s/-/ /gr },
);
my $i = 1;
for my $name (sort keys %typed) {
    $c = half('alice');
    is($c->code($typed{$name}->($codes[$i]))->stage, 'full', "typed with $name");
    is($c->page('settings')->json->{backup_codes_left}, 4 - $i, 'one less is left');
    is_error(half('alice')->code($codes[$i]), 401, 'bad_code',
             "[attack 31] typed with $name, then as it is");
    $i++;
}
$c = half('alice');
my $odd = $codes[4];
$odd =~ s/-/\xe2\x80\x93/;
$odd =~ s/-/./;
$odd =~ s/-/--  /;
$odd =~ tr/01/oi/;
is($c->code($odd)->stage, 'full',
   'dashes, dots, o for 0, i for 1') or diag $odd;
is($c->page('settings')->json->{backup_codes_left}, 0, 'none is left');
$page = $c->get_html('/2fa/settings');
like($page->body, qr{/2fa/backup-codes|action="backup-codes|href="backup-codes},
     'the settings lead to new ones');
is_error(half('alice')->code($codes[4]), 401, 'bad_code', '[attack 32] none works any more');
is_error(half('alice')->code('0000-0000-0000-0000'), 401, 'bad_code',
         'nor one that was none');

# Another user's is none.

$t->client->ready('bob');
my $carol = $t->client->ready('carol');
my @theirs = @{ $carol->{enrolled}{codes} };
is_error(half('bob')->code($theirs[0]), 401, 'bad_code', "[attack 32] another user's code");
is($carol->page('settings')->json->{backup_codes_left}, 5, 'is not spent by that');


# Renewing.

my $bob = $t->client;
$bob->sign_in('bob');
my $bystander = $t->client;
$bystander->sign_in('bob');
my $old = half('bob');

$r = $carol->act('backup-codes', {});
is($r->status, 200, 'a new set');
is($r->target_path, '/2fa/backup-codes', 'leads to itself');
my @new = @{ $carol->page('backup-codes')->json->{codes} };
secret_add(backup => $_) for @new;
is(scalar @new, 5, 'five');
my %both = map { ($_ => 1) } @theirs, @new;
is(scalar keys %both, 10, 'new ones');
for (@theirs[0, 4]) {
    is_error(half('carol')->code($_), 401, 'bad_code', '[attack 32] no old one works');
}
is(half('carol')->code($new[2])->stage, 'full', 'a new one does');

my $cookie = $bob->cookie;
$r = $bob->post_html('/2fa/backup-codes', { next => '/deep' });
is_redirect($r, '/2fa/backup-codes', undef, 'a browser: 303 to itself');
isnt($bob->cookie, $cookie, 'a new session');
is($bob->page('backup-codes')->status, 200, 'which holds');
ok(wait_until(sub { $bystander->page('settings')->status == 401 }, 2),
   'other sessions end');
is_error($old->code($t->otp('bob')->next_code), 401, 'login_required',
         'also those that owed a code');


# Two renewals at once leave one set, the one that is shown.

my $raw = $bob->build('POST', '/2fa/backup-codes',
    form => { csrf => $bob->{csrf} }, headers => [Accept => 'application/json']);
my @r = Totp::Client->fire([ map { [$bob, $raw] } 1 .. 4 ]);
my @shown;
for (@r) {
    next unless $_->status == 200;
    my $c = $bob->clone;
    $c->learn($_);
    my $p = $c->page('backup-codes');
    my $set = $p->status == 200 ? $p->json->{codes} : [];
    push @shown, [$c, $set] if @$set;
}
cmp_ok(scalar @shown, '>=', 1, 'one set at least is on show');
my %sets = map { (join(',', @{ $_->[1] }) => $_->[1]) } @shown;
is(scalar keys %sets, 1, '[attack 33] and only one');
for my $set (values %sets) {
    is(half('bob')->code($set->[0])->stage, 'full', 'which is valid');
}


# Once at a time: one code on many connections.

my @signing = map { half('carol') } 1 .. 10;
@r = Totp::Client->fire([ map { [$_, $_->build('POST', '/2fa/code',
    form => { code => $new[4], csrf => $_->{csrf} },
    headers => [Accept => 'application/json'])] } @signing ]);
is(scalar(grep { $_->stage eq 'full' } @r), 1,
   '[attack 31] one backup code on ten connections lets exactly one in');

$t->finish;

done_testing;
