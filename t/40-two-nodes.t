# Two nodes, one Redis.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave erin frank gina)], nodes => 2,
                        http => 'totp_threads 2 max_queue=512;');
my ($A, $B) = ($t->node('a'), $t->node('b'));

my @JSON = (headers => [Accept => 'application/json']);

sub half {
    my ($user, $node) = @_;
    return $t->client(node => $node)->half($user);
}


# A session of one node is good on the other.

my $alice = $t->client(node => 'a')->ready('alice');
my $there = $alice->clone(port => $B->port);
through($there->get('/x'), 'a session of one node is good on the other');
is($there->page('settings')->json->{user}, 'alice', 'in the portal too');

my $c = half('alice', 'a');
$c->at($B);
is($c->code($t->otp('alice')->next_code)->stage, 'full',
   'the password here, the code there');


# Signed out on one, out on the other within a second.

is($alice->act('logout', {})->status, 200, 'signed out on a');
ok(wait_until(sub { $there->get('/x')->status == 401 }, 1, 0.02),
   'out on b within a second');
is_error($there->get_json('/x'), 401, 'login_required', 'for good');

for my $node (qw(a b)) {
    my $d = $t->client(node => $node);
    $d->sign_in('alice');
    my $other = $d->clone(port => $t->node($node eq 'a' ? 'b' : 'a')->port);
    through($other->get('/x'), "signed in on $node");
    $d->act('logout', { everywhere => 1 });
    ok(wait_until(sub { $other->get('/x')->status == 401 }, 1, 0.02),
       "everywhere on $node: out on the other within a second");

    # Both workers of both nodes know.
    my @r = Totp::Client->fire([ map { ([$d, $other->build('GET', '/x')],
                                        [$other, $other->build('GET', '/x')]) }
                                 1 .. 10 ]);
    is(scalar(grep { $_->status != 401 } @r), 0, 'on every worker');
}


# One code on 20 connections over two nodes lets exactly one in.

for my $user (qw(bob carol dave)) {
    $t->client(node => 'b')->ready($user);

    my @c = map { half($user, $_ % 2 ? 'a' : 'b') } 1 .. 20;
    my $code = $t->otp($user)->next_code;
    my @r = Totp::Client->fire([ map { [$_, $_->build('POST', '/2fa/code',
        form => { code => $code, csrf => $_->{csrf} }, @JSON)] } @c ]);
    my %got;
    $got{ $_->status . ' ' . ($_->error || $_->stage) }++ for @r;
    is($got{'200 full'}, 1, "$user: one code, exactly one of twenty")
        or diag explain \%got;
    is(scalar(grep { !/^(?:200 full|401 code_used|429 locked)$/ } keys %got), 0,
       "$user: the others are told why") or diag explain \%got;
    my ($in) = grep { $r[$_]->stage eq 'full' } 0 .. $#r;
    if (defined $in) {
        $c[$in]->learn($r[$in]);
        through($c[$in]->get('/x'), "$user: who got in is in");
    }
}


# One backup code likewise.

{
    my $erin = $t->client(node => 'a')->ready('erin');
    my $code = $erin->{enrolled}{codes}[2];
    my @c = map { half('erin', $_ % 2 ? 'a' : 'b') } 1 .. 20;
    my @r = Totp::Client->fire([ map { [$_, $_->build('POST', '/2fa/code',
        form => { code => $code, csrf => $_->{csrf} }, @JSON)] } @c ]);
    is(scalar(grep { $_->stage eq 'full' } @r), 1,
       'one backup code, exactly one of twenty');
}


# Two set-ups of one user confirmed at once: one wins, and its key is the one
# that counts.

{
    my @c = map { my $c = $t->client(node => $_); $c->login('frank'); $c } qw(a b);
    my @otp = map { Totp::Otp->from_uri($_->page('setup')->json->{otpauth},
                                        skew => 3) } @c;
    my @r = Totp::Client->fire([ map { [$c[$_], $c[$_]->build('POST', '/2fa/setup',
        form => { code => $otp[$_]->next_code, csrf => $c[$_]{csrf} }, @JSON)] }
        0, 1 ]);
    my @won = grep { $r[$_]->status == 200 } 0, 1;
    is(scalar @won, 1, 'two set-ups at once: one is enabled')
        or diag join "\n", map { $_->body } @r;
    if (@won == 1) {
        my $c = half('frank', 'a');
        is($c->code($otp[$won[0]]->next_code)->stage, 'full', 'with its own key');
        $c = half('frank', 'b');
        refused($c->code($otp[1 - $won[0]]->next_code), "not the other's");
    }
}


# Parallel guesses gain nothing: at most n are looked at before the lock.

{
    $t->client(node => 'a')->ready('gina');
    my $otp = $t->otp('gina');
    my @c = map { half('gina', $_ % 2 ? 'a' : 'b') } 1 .. 4;
    my @r = Totp::Client->fire([ map { my $c = $c[$_ % 4];
        [$c, $c->build('POST', '/2fa/code', form => { csrf => $c->{csrf},
         code => $otp->wrong_code }, @JSON)] } 1 .. 100 ], timeout => 60);
    my %got;
    $got{ $_->status . ' ' . $_->error }++ for @r;
    is_deeply(\%got, { '401 bad_code' => 5, '429 locked' => 95 },
              'of a hundred parallel guesses five are looked at');
    is_error(half('gina', 'b')->code($otp->next_code), 429, 'locked',
             'and then not even the right code, on either node');
}

$t->finish;

done_testing;
